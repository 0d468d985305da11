/** Python's h2, as Debian has it, on either side. @module */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { certFile } from "../../support/certs.ts";
import type { TestContext } from "../../support/harness.ts";
import { type Need, PYTHON } from "../../support/needs.ts";
import { type Child, spawnProgram } from "../../support/spawn.ts";

const H2 = "/usr/lib/python3/dist-packages/h2/__init__.py";

/** Debian's python3-h2. */
export const pythonH2: Need = { missing: existsSync(PYTHON) && existsSync(H2) ? undefined : "no python3-h2" };

/** SETTINGS of the Python side. */
export interface PythonSettings {
  table?: number;
  streams?: number;
  window?: number;
  frame?: number;
  headers?: number;
}

export interface PythonRequest {
  path?: string;
  /** Octets of the body; none without it. */
  size?: number;
  seed?: number;
  headers?: readonly (readonly [string, string])[];
  /** Octets of further fields, in steps of 10,000. */
  header_octets?: number;
  trailers?: readonly (readonly [string, string])[];
  /** Padding of each DATA frame. */
  pad?: number;
  /** Octets of a DATA frame, at most. */
  piece?: number;
}

export interface PythonAnswer {
  id: number;
  status?: string;
  /** Digest of the fields that it sent, and of those that the server says it saw. */
  seen: string;
  seen_there?: string;
  fields?: string;
  field_count?: number;
  informational: number;
  length: number;
  sha256?: string;
  trailers?: [string, string][];
  reset?: number;
  goaway?: number;
  lost?: boolean;
}

/** Runs batches of requests on one connection, each batch together. */
export async function pythonRequests(
  t: TestContext,
  port: number,
  batches: readonly (readonly PythonRequest[])[],
  settings: PythonSettings = {},
): Promise<PythonAnswer[][]> {
  const options = { port, ca: certFile("ca.pem"), settings, batches };
  const child = run(t, "h2_client.py", options);
  const { code } = await child.exit(60_000);
  if (code !== 0) throw new Error(`h2_client.py ended with ${code}\n${child.out.text}${child.err.text}`);
  return child.out.text.trim().split("\n").map((line) => JSON.parse(line) as PythonAnswer[]);
}

/** Starts the server; returns its port. */
export async function pythonServer(
  t: TestContext,
  settings: PythonSettings = {},
  options: { pad?: number } = {},
): Promise<number> {
  const child = run(t, "h2_server.py", {
    cert: certFile("server.pem"),
    key: certFile("server.key"),
    settings,
    ...options,
  });
  const [, port] = await child.out.line(/^listening (\d+)$/);
  return Number(port);
}

function run(t: TestContext, program: string, options: unknown): Child {
  const path = fileURLToPath(new URL(`../programs/${program}`, import.meta.url));
  return spawnProgram(t, [PYTHON, "-B", path, JSON.stringify(options)]);
}
