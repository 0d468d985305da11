import { assert, assertEquals, assertRejects } from "@std/assert";
import { createDispatcher, type Dispatcher, type Member, NobodyError } from "../../../src/cli/tunnel/dispatch.ts";
import type { ConnectionInfo, PoolStream } from "../../../src/streams/mod.ts";
import { fakeClock } from "../../support/clock.ts";
import { test } from "../../support/harness.ts";

interface Client extends Member {
  readonly name: string;
}

/** Clients whose idle streams a test puts there. */
function setUp(options: { wait?: number; queue?: number } = {}) {
  const idle = new Map<ConnectionInfo, { streams: PoolStream[]; waiters: ((stream: PoolStream) => void)[] }>();
  const clock = fakeClock(1_000);
  const dispatcher: Dispatcher<Client> = createDispatcher<Client>({
    wait: options.wait ?? 10_000,
    queue: options.queue ?? 100,
    clock,
    async take(connection, { timeout, signal }) {
      const client = idle.get(connection);
      if (client === undefined) throw new Error("lost");
      const stream = client.streams.shift();
      if (stream !== undefined) return stream;
      if (timeout === 0) throw new Error("none");
      signal?.throwIfAborted();
      return await new Promise<PoolStream>((resolve, reject) => {
        client.waiters.push(resolve);
        signal?.addEventListener("abort", () => {
          client.waiters.splice(client.waiters.indexOf(resolve), 1);
          reject(signal.reason);
        });
      });
    },
  });
  return {
    dispatcher,
    clock,
    client(name: string, streams = 0): Client {
      const member = { name, connection: { id: name } as ConnectionInfo, load: 0 };
      idle.set(member.connection, { streams: Array.from({ length: streams }, () => stream(name)), waiters: [] });
      return member;
    },
    arrive({ connection, name }: Client) {
      const { streams, waiters } = idle.get(connection)!;
      const waiter = waiters.shift();
      if (waiter === undefined) streams.push(stream(name));
      else waiter(stream(name));
    },
    lose: ({ connection }: Client) => void idle.delete(connection),
  };
}

function stream(id: string): PoolStream {
  return { id, abort() {} } as unknown as PoolStream;
}

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

test("dispatch: each public connection goes to the client with the fewest, also when they come together", async () => {
  const { dispatcher, client } = setUp();
  const a = client("a", 10), b = client("b", 10), c = client("c", 10);
  b.load = 2;
  for (const member of [a, b, c]) dispatcher.add(member);
  const got = await Promise.all(Array.from({ length: 7 }, () => dispatcher.acquire(never)));
  assertEquals([a.load, b.load, c.load], [3, 3, 3]);
  for (const { member, stream } of got) assertEquals(stream.id, member.name);
});

test("dispatch: a client without an idle stream is passed over when another has one", async () => {
  const { dispatcher, client } = setUp();
  const empty = client("empty"), busy = client("busy", 1);
  busy.load = 5;
  dispatcher.add(empty);
  dispatcher.add(busy);
  assertEquals((await dispatcher.acquire(never)).member, busy);
  assertEquals([empty.load, busy.load], [0, 6]);
});

test("dispatch: nobody there waits for the first client, in the order of the coming", async () => {
  const { dispatcher, client, arrive } = setUp();
  const order: number[] = [];
  const waits = [1, 2, 3].map((n) => dispatcher.acquire(never).then(() => order.push(n)));
  await turn();
  assertEquals(dispatcher.waiting, 3);
  const late = client("late", 1);
  dispatcher.add(late);
  await turn();
  assertEquals(order, [1]);
  arrive(late);
  arrive(late);
  await Promise.all(waits);
  assertEquals(order, [1, 2, 3]);
  assertEquals([dispatcher.waiting, late.load], [0, 3]);
});

test("dispatch: who waits for one client goes to another that comes", async () => {
  const { dispatcher, client } = setUp();
  const dry = client("dry"), fresh = client("fresh", 1);
  dispatcher.add(dry);
  const wait = dispatcher.acquire(never);
  await turn();
  assertEquals(dry.load, 1);
  dry.load = 3;
  dispatcher.add(fresh);
  assertEquals((await wait).member, fresh);
  assertEquals([dry.load, fresh.load], [2, 1]);
});

test("dispatch: who waits for a client whose connection goes waits on for another", async () => {
  const { dispatcher, client, lose } = setUp();
  const dying = client("dying"), next = client("next", 1);
  dispatcher.add(dying);
  lose(dying);
  const wait = dispatcher.acquire(never);
  await turn();
  assertEquals([dispatcher.members.size, dying.load], [0, 0]);
  dispatcher.add(next);
  assertEquals((await wait).member, next);
});

test("dispatch: the time and the queue have ends, told apart", async () => {
  const { dispatcher, clock } = setUp({ wait: 10_000, queue: 2 });
  const waits = [dispatcher.acquire(never), dispatcher.acquire(never)];
  const full = await assertRejects(() => dispatcher.acquire(never), NobodyError);
  assertEquals(full.reason, "queue");
  clock.advance(9_999);
  await turn();
  assertEquals(dispatcher.waiting, 2);
  clock.advance(1);
  for (const wait of waits) assertEquals((await assertRejects(() => wait, NobodyError)).reason, "wait");
  assertEquals([dispatcher.waiting, clock.pending], [0, 0]);
});

test("dispatch: a public connection that goes leaves the queue, and gives back the stream that comes too late", async () => {
  const { dispatcher, client, clock } = setUp();
  const gone = new AbortController();
  const wait = dispatcher.acquire(gone.signal);
  gone.abort(new Error("it left"));
  await assertRejects(() => wait, Error, "it left");
  assertEquals([dispatcher.waiting, clock.pending], [0, 0]);

  const dry = client("dry");
  dispatcher.add(dry);
  const other = new AbortController();
  const second = dispatcher.acquire(other.signal);
  await turn();
  other.abort(new Error("it left too"));
  await assertRejects(() => second, Error, "it left too");
  assertEquals([dispatcher.waiting, dry.load], [0, 0]);
  assert(dispatcher.members.has(dry));
});

test("dispatch: who waits for a client that takes no more goes to another, and a stream that comes too late is not used", async () => {
  const { dispatcher, client, arrive } = setUp();
  const leaving = client("leaving"), other = client("other");
  dispatcher.add(leaving);
  const wait = dispatcher.acquire(never);
  await turn();
  assertEquals(leaving.load, 1);
  dispatcher.add(other);
  await turn();
  other.load = 5;
  // Half-closed its control stream: its connection lives, and may still open streams.
  dispatcher.remove(leaving);
  arrive(leaving);
  await turn();
  arrive(other);
  assertEquals((await wait).member, other);
  assertEquals([leaving.load, other.load], [0, 6]);

  const last = dispatcher.acquire(never);
  await turn();
  arrive(other);
  dispatcher.remove(other);
  await turn();
  const next = client("next", 1);
  dispatcher.add(next);
  assertEquals((await last).member, next);
});
