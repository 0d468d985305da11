/**
 * What kills a process that runs node:http2 as it comes on some runtimes (RUNTIMES.md, D1 and D2), said by a raw peer to a
 * program that may die of it. @module
 */
import type { TestContext } from "../../support/harness.ts";
import type { RuntimeName } from "../../support/runtime.ts";
import { type Exit, spawnRuntime } from "../../support/spawn.ts";
import {
  ACK,
  DATA,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  ok,
  PING,
  PREFACE,
  rawClient,
  type RawPeer,
  rawServer,
  request,
  RST_STREAM,
  SETTINGS,
  settingsAck,
  WINDOW_UPDATE,
  words,
} from "../contract/raw_peer.ts";

export const ROLES = ["server", "client"] as const;
export type Role = typeof ROLES[number];
/** `bare`: node:http2 without a rule; `engine`: ours. */
export const OVER = ["bare", "engine"] as const;
export type Over = typeof OVER[number];
/** "goaway" is D1, "reset" is D2. */
export const TRIGGERS = ["goaway", "reset"] as const;
export type Trigger = typeof TRIGGERS[number];

/** How a process ended that was attacked. */
export interface Fate {
  readonly survived: boolean;
  readonly exit: Exit;
  /** The last line of what it complained about. */
  readonly said: string;
}

/** Connections, one after the other, that a process has to survive. */
const ROUNDS = 3;
/** For each stream: what the victim sends at once, to the byte. */
const WINDOW = 1 << 20;
/** Streams of a connection that are reset. */
const STREAMS = 5;
const PATIENCE = 10_000;

/** Runs a program in this role on a runtime, and does to it what the trigger says. */
export async function attack(
  t: TestContext,
  runtime: RuntimeName,
  { role, over, trigger }: { role: Role; over: Over; trigger: Trigger },
): Promise<Fate> {
  const victim = new URL("./programs/victim.ts", import.meta.url);
  const server = role === "client" ? await rawServer(t) : undefined;
  const child = spawnRuntime(t, runtime, victim, [role, over, String(server?.port ?? "")]);
  let dead = false;
  child.exited.then(() => dead = true);
  const port = role === "server" ? Number((await child.out.line(/^listening (\d+)$/))[1]) : 0;
  for (let round = 0; round < ROUNDS && !dead; round++) {
    const peer = server === undefined ? rawClient(t, port) : server.next();
    const connected = await Promise.race([peer.catch(() => undefined), child.exited.then(() => undefined)]);
    if (connected === undefined) break;
    const said = SAY[trigger](connected, role).catch(() => {});
    await Promise.race([said, connected.closed]);
    // The process has read what was said when it has read the end.
    connected.socket.end();
    await Promise.race([child.out.line(/^gone$/, PATIENCE), child.exited]).catch(() => {});
    connected.socket.destroy();
  }
  child.end();
  const exit = await child.exit(PATIENCE);
  const survived = exit.code === 0 && /^alive$/m.test(child.out.text);
  return { survived, exit, said: child.err.text.trimEnd().split("\n").at(-1) ?? "" };
}

const ping = frame(PING, 0, 0, new Uint8Array(8));
const SAY: Record<Trigger, (peer: RawPeer, role: Role) => Promise<void>> = {
  /** GOAWAY without a stream; what comes with it in one read finds the session freed. */
  async goaway(peer, role) {
    await greet(peer, role, frame(SETTINGS, 0, 0, [0, 3, 0, 0, 0, 0]));
    // The acknowledgement: nothing is under way any more.
    await peer.frame(SETTINGS);
    peer.send(frame(GOAWAY, 0, 0, words(0, 0)), ping, ping);
  },
  /** WINDOW_UPDATE of a stream that waits to send more, and its RST_STREAM, in one read: freed twice. */
  async reset(peer, role) {
    const windows = [frame(SETTINGS, 0, 0, [0, 4, ...words(WINDOW)]), frame(WINDOW_UPDATE, 0, 0, words(1 << 30))];
    await greet(peer, role, ...windows);
    for (let i = 0; i < STREAMS; i++) {
      const id = 1 + 2 * i;
      if (role === "client") await peer.frame(HEADERS);
      peer.send(headers(id, role === "server" ? request : ok));
      for (let came = 0; came < WINDOW;) {
        const data = await peer.frame(DATA);
        if (data.id === id) came += data.payload.length;
      }
      peer.send(frame(WINDOW_UPDATE, 0, id, words(1)), frame(RST_STREAM, 0, id, words(8)));
    }
    // What was sent before the answer has been read.
    peer.send(ping);
    while (((await peer.frame(PING)).flags & ACK) === 0);
  },
};

async function greet(peer: RawPeer, role: Role, ...first: Uint8Array[]): Promise<void> {
  if (role === "server") peer.send(PREFACE);
  peer.send(...first);
  await peer.frame(SETTINGS);
  peer.send(settingsAck);
}
