/**
 * The pools, through the public surface only: `read`/`write` of a pool stream, `toDuplex()` (style "duplex"), or
 * `readable` and `writable` (style "web"); style "platform" is the first of these over node:http2's engine. Streams
 * are taken as pools are meant to be used: the client takes the next one and says its id on stream 00000000, the server
 * takes the one with that id.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ClientPool, type PoolStream, ServerPool } from "../../../mod.ts";
import {
  ANSWER,
  type ClientPeer,
  commandBytes,
  countBytes,
  type Flow,
  type Implementation,
  parseCommand,
  PIECE,
} from "./flow.ts";
import { eventFlow, serveEvents } from "./events.ts";
import { serveWeb, webFlow } from "./web.ts";

/** Idle streams that the client holds ready: enough for 100 takers at once and the round trip that refills. */
const CAPACITY = 512;
const READ_BYTES = 65_536;
const CONTROL = "00000000";
/** Ten thousand idle streams promise 64 KiB each. */
const WINDOW = { total: 1 << 30 };

export function styled(style: string | undefined): Implementation {
  // Not named where it is the default: `--against` may lead to a checkout that knows no other.
  const engine = style === "platform" ? { engine: "node:http2" } as const : {};
  return {
    async serve({ cert, key, purpose }) {
      const pool = new ServerPool({
        listen: "127.0.0.1:0",
        tls: { cert, key },
        maxCapacity: 40_000,
        maxIdlePerConnection: 20_000,
        maxStreams: 40_000,
        window: WINDOW,
        ...engine,
      });
      await pool.start();
      // The client's end is the end of the control stream.
      if (purpose === "traffic") serveTaken(pool, style).catch(() => {});
      return { port: pool.addr!.port };
    },
    async connect({ ca, purpose }, port) {
      const pools: ClientPool[] = [];
      let held = 0;
      const add = async (capacity: number) => {
        const pool = new ClientPool({
          address: `127.0.0.1:${port}`,
          hostname: "localhost",
          tls: { ca },
          minCapacity: capacity,
          maxCapacity: capacity,
          minInterval: 100,
          maxInterval: 100,
          window: WINDOW,
          ...engine,
        });
        pools.push(pool);
        await pool.start();
        await pool.filled(capacity);
        return pool;
      };
      const hold = async (count: number) => {
        await add(count - held);
        held = count;
      };
      const close = () => Promise.all(pools.map((each) => each.close())).then(() => {});
      const unused = () => Promise.reject(new Error("this process holds idle streams only"));
      if (purpose === "idle") return { flow: unused, hold, close };
      const pool = await add(CAPACITY);
      const control = await pool.outgoingGet(CONTROL);
      const take = async (): Promise<PoolStream> => {
        const stream = await pool.incomingGet();
        await control.write(Buffer.from(stream.id));
        return stream;
      };
      return {
        flow: async () => flows(await take(), style),
        exchange: async () => await exchange(await take()),
        opened: () => pool.stats().created,
        close,
      } satisfies ClientPeer;
    },
  };
}

function flows(stream: PoolStream, style: string | undefined): Flow {
  if (style === "web") return webFlow(stream);
  if (style !== "duplex") return poolFlow(stream);
  return eventFlow((command, total) => {
    const duplex = stream.toDuplex();
    duplex.write(commandBytes(command, total));
    return duplex;
  }, "framed");
}

async function exchange(stream: PoolStream): Promise<number> {
  const into = new Uint8Array(16);
  await stream.write(PIECE.subarray(0, 1));
  await stream.closeWrite();
  let got = 0;
  for (let n; (n = await stream.read(into)) !== null;) got += n;
  stream.close();
  return got;
}

function poolFlow(stream: PoolStream): Flow {
  const into = new Uint8Array(READ_BYTES);
  let begun: Promise<unknown>;
  return {
    begin(command, total) {
      begun = stream.write(commandBytes(command, total));
    },
    async send(total) {
      await begun;
      await pour(stream, total);
      await stream.closeWrite();
    },
    async receive() {
      let got = 0;
      for (let n; (n = await stream.read(into)) !== null;) got += n;
      return got;
    },
    async bounce(size, times) {
      await begun;
      const message = PIECE.subarray(0, size);
      for (let done = 0; done < times; done++) {
        await stream.write(message);
        for (let got = 0; got < size;) got += await stream.read(into) ?? fail("the echo ended");
      }
    },
    async answer() {
      await fill(stream, into, 0, 16);
      return Number(Buffer.from(into.buffer, 0, 16).toString("latin1"));
    },
    finish: () => stream.close(),
  };
}

async function serveTaken(pool: ServerPool, style: string | undefined): Promise<void> {
  const control = await pool.outgoingGet(CONTROL);
  const into = new Uint8Array(READ_BYTES);
  let rest = "";
  for (let n; (n = await control.read(into)) !== null;) {
    const ids = rest + Buffer.from(into.buffer, 0, n).toString("latin1");
    const whole = ids.length - ids.length % CONTROL.length;
    for (let at = 0; at < whole; at += CONTROL.length) {
      void pool.outgoingGet(ids.slice(at, at + CONTROL.length)).then((stream) =>
        serveStream(stream, style).catch(() => stream.abort())
      );
    }
    rest = ids.slice(whole);
  }
}

async function serveStream(stream: PoolStream, style: string | undefined): Promise<void> {
  if (style === "web") return await serveWeb(stream);
  if (style === "duplex") {
    const duplex = stream.toDuplex();
    duplex.on("error", () => {});
    duplex.once("data", (first: Buffer) => {
      const { command, total } = parseCommand(first);
      if (first.length > 16) duplex.unshift(first.subarray(16));
      serveEvents(duplex, command, total, "framed");
    });
    return;
  }
  const head = new Uint8Array(16);
  const first = await stream.read(head);
  if (first === null) return stream.close();
  if (head[0] === PIECE[0]) {
    while (await stream.read(head) !== null);
    await stream.write(ANSWER);
    return stream.close();
  }
  await fill(stream, head, first, 16);
  const { command, total } = parseCommand(head);
  if (command === "source") await pour(stream, total);
  else {
    const into = new Uint8Array(READ_BYTES);
    let got = 0;
    for (let n; (n = await stream.read(into)) !== null; got += n) {
      if (command === "echo") await stream.write(into.subarray(0, n));
    }
    if (command === "sink") await stream.write(countBytes(got));
  }
  stream.close();
}

async function pour(stream: PoolStream, total: number): Promise<void> {
  for (let left = total; left > 0;) {
    const piece = left >= PIECE.length ? PIECE : PIECE.subarray(0, left);
    left -= piece.length;
    await stream.write(piece);
  }
}

async function fill(stream: PoolStream, into: Uint8Array, from: number, to: number): Promise<void> {
  for (let got = from; got < to;) got += await stream.read(into.subarray(got, to)) ?? fail("the stream ended");
}

function fail(message: string): never {
  throw new Error(message);
}
