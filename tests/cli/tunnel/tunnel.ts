/**
 * Tunnels for tests: both sides in processes of their own, or in this one; the service and the public always here.
 *
 * @module
 */
import { assertRejects } from "@std/assert";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "../../../src/adapter/contract.ts";
import { dialTcp, listenTcp, type TcpConnection } from "../../../src/adapter/tcp.ts";
import type { TestContext } from "../../support/harness.ts";
import { currentRuntime, ROOT } from "../../support/runtime.ts";
import { type Child, spawnRuntime } from "../../support/spawn.ts";
import type { Running } from "../io.ts";

const CLI = join(ROOT, "cli.ts");
/** Node strips the types of a hundred files at each start: once is enough. */
const NODE_COMPILE_CACHE = join(ROOT, ".cache", "node-compile");
const TOKEN = "correct-horse-battery";

/** Runs the command in a process of its own, on this runtime. */
export function runProcess(t: TestContext, ...args: string[]): Child {
  return spawnRuntime(t, currentRuntime(), CLI, args, { env: { H2POOL_TOKEN: undefined, NODE_COMPILE_CACHE } });
}

/** Engines of the tunnel's two sides. */
export interface Sides {
  readonly server: Engine["name"];
  readonly client: Engine["name"];
}
export const SIDES: readonly Sides[] = [
  { server: "portable", client: "portable" },
  { server: "node:http2", client: "node:http2" },
  { server: "portable", client: "node:http2" },
  { server: "node:http2", client: "portable" },
];
/** For what does not depend on who is at the other end. */
export const ALIKE: readonly Sides[] = SIDES.filter(({ server, client }) => server === client);
export const shown = ({ server, client }: Sides): string => server === client ? server : `${server}, ${client}`;

/** `run`, with an engine. The default one is left to the default. */
export function over<R>(engine: Engine["name"], run: Run<R>): Run<R> {
  return engine === "portable" ? run : (t, ...args) => run(t, ...args, "--engine", engine);
}
type Run<R> = (t: TestContext, ...args: string[]) => R;

/** A service of the test: each connection goes to `serve`. */
export async function service(
  t: TestContext,
  serve: (tcp: TcpConnection) => unknown,
): Promise<{ to: string; stop(): void }> {
  const open = new Set<TcpConnection>();
  const listener = await listenTcp({
    hostname: "127.0.0.1",
    port: 0,
    accept(tcp) {
      open.add(tcp);
      tcp.closed.then(() => open.delete(tcp));
      Promise.resolve(serve(tcp)).catch(() => tcp.abort());
    },
    failed() {},
  });
  let closing: Promise<void> | undefined;
  const stop = (): void => {
    closing ??= listener.close();
    for (const tcp of open) tcp.abort();
  };
  t.cleanup(() => {
    stop();
    return closing;
  });
  return { to: `127.0.0.1:${listener.addr.port}`, stop };
}

/** Sends back what it gets, until the end and with it. */
export async function echo(tcp: TcpConnection): Promise<void> {
  for (let chunk = await tcp.read(); chunk !== null; chunk = await tcp.read()) await tcp.write(chunk);
  tcp.closeWrite();
}

/** What a running tunnel server is reached by. */
export interface ServerEnd<R extends Running = Running> {
  readonly child: R;
  readonly pin: string;
  readonly listen: string;
  readonly open: string;
  readonly state: string;
  readonly token: string;
}

/** Starts a tunnel server; `again` has the ports and the folder of an earlier one. */
export async function tunnelServer<R extends Running>(
  t: TestContext,
  run: Run<R>,
  options: { args?: string[]; again?: ServerEnd } = {},
): Promise<ServerEnd<R>> {
  const { args = [], again } = options;
  const state = again?.state ?? await folder(t);
  const token = join(state, "token");
  await writeFile(token, `${TOKEN}\n`);
  const child = run(t, "tunnel", "server", "--token-file", token, "--state", state, ...args, ...[
    ...["--listen", again?.listen ?? "127.0.0.1:0"],
    ...["--public", again?.open ?? "127.0.0.1:0"],
  ]);
  const [, pin = ""] = await child.err.line(/--pin (\S+)/);
  const [, listen = ""] = await child.err.line(/clients connect to (\S+)/);
  const [, open = ""] = await child.err.line(/the public connects to (\S+)/);
  return { child, pin, listen, open, state, token };
}

/** Starts a tunnel client of it, and waits until it serves. */
export async function tunnelClient<R extends Running>(
  t: TestContext,
  run: Run<R>,
  server: ServerEnd,
  to: string,
  args: string[] = [],
): Promise<R> {
  const child = run(t, ...clientArgs(server, to), ...args);
  await server.child.err.line(/client \S+ serves/);
  return child;
}

export function clientArgs({ listen, token, pin }: ServerEnd, to: string): string[] {
  return ["tunnel", "client", "--server", listen, "--to", to, "--token-file", token, "--pin", pin];
}

/** A connection of the public. */
export async function visit(t: TestContext, { open }: ServerEnd): Promise<TcpConnection> {
  const tcp = await dialTcp({ hostname: "127.0.0.1", port: Number(open.split(":")[1]), timeout: 5_000 });
  t.cleanup(() => tcp.abort());
  return tcp;
}

/** A connection of the public that ends in a reset at once: before, or after it is up. */
export async function visitInVain(t: TestContext, server: ServerEnd): Promise<void> {
  await assertRejects(async () => await (await visit(t, server)).read(), Error);
}

/** Sends a text and waits for as many bytes. */
export async function ask(tcp: TcpConnection, text: string): Promise<string> {
  await tcp.write(new TextEncoder().encode(text));
  let answer = "";
  while (answer.length < text.length) {
    const chunk = await tcp.read();
    if (chunk === null) throw new Error(`the end came after "${answer}"`);
    answer += new TextDecoder().decode(chunk);
  }
  return answer;
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "h2pool-tunnel-"));
  t.cleanup(() => rm(path, { recursive: true }));
  return path;
}
