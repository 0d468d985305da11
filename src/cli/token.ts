/** The secret that a client shows to a server. @module */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { UsageError } from "./errors.ts";

/** From `--token-file`, `--token` or H2POOL_TOKEN, in this order. */
export async function readToken(
  given: { readonly file: string | undefined; readonly text: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if (given.file !== undefined && given.text !== undefined) {
    throw new UsageError("--token-file and --token are given both: one is enough");
  }
  if (given.file !== undefined) return check(await readTokenFile(given.file), `the file ${given.file}`);
  if (given.text !== undefined) return check(given.text, "--token");
  const { H2POOL_TOKEN } = env;
  return H2POOL_TOKEN === undefined ? undefined : check(H2POOL_TOKEN, "H2POOL_TOKEN");
}

/** Header fields that show the token (RFC 6750 section 2.1). */
export function tokenHeaders(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/**
 * Whether header fields show the token. Digests are compared, not texts: the time it takes says nothing about the token,
 * not even its length.
 */
export function tokenCheck(token: string): (headers: Readonly<Record<string, string>>) => boolean {
  const expected = digest(token);
  return (headers) => {
    const shown = /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
    return timingSafeEqual(digest(shown ?? ""), expected) && shown !== undefined;
  };
}

async function readTokenFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const why = (cause as { code?: string }).code === "ENOENT" ? "there is no such file" : "it cannot be read";
    throw new Error(`cannot read the token from ${file}: ${why}`, { cause });
  }
}

function check(text: string, where: string): string {
  const token = text.trim();
  // What a header field can carry, and what cannot be taken for two tokens.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError(`the token in ${where} must be one word of ASCII letters, digits and signs`);
  }
  return token;
}

function digest(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(Buffer.from(text)).digest());
}
