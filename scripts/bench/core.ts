/**
 * Cost of the core's operations at 10, 1,000 and 100,000 members: the figures in one row should be about the same.
 *
 * `deno run -A scripts/bench/core.ts`, `bun scripts/bench/core.ts`, `node scripts/bench/core.ts`; prints ns per operation,
 * the median of several rounds. The first row is a bare `Map`, as a yardstick: at 100,000 entries in random order the CPU's
 * caches miss, for it as for everybody. Flat means that a row does not grow faster than that one.
 *
 * @module
 */
import { performance } from "node:perf_hooks";
import { Deadlines } from "../../src/core/deadlines.ts";
import { Members } from "../../src/core/members.ts";

interface Item {
  readonly key: string;
  readonly group: object;
}

/** One row: the name of an operation and its ns for each size. */
export interface CoreCost {
  readonly operation: string;
  readonly ns: readonly number[];
}

const ROUNDS = 7;
const OPERATIONS = 100_000;

/** Measures every operation at every size. */
export async function measureCore(sizes: readonly number[]): Promise<CoreCost[]> {
  const costs: CoreCost[] = [];
  for (const [operation, measure] of Object.entries(MEASURES)) {
    const ns: number[] = [];
    for (const size of sizes) {
      const rounds: number[] = [];
      for (let i = 0; i < ROUNDS; i++) rounds.push(await measure(size));
      ns.push(rounds.sort((a, b) => a - b)[ROUNDS >> 1]!);
    }
    costs.push({ operation, ns });
  }
  return costs;
}

const MEASURES: Readonly<Record<string, (size: number) => number | Promise<number>>> = {
  "yardstick: delete and set in a Map": (size) => {
    const { items } = filled(0, size);
    const map = new Map(items.map((item) => [item.key, item]));
    return timed(() => {
      for (let i = 0; i < OPERATIONS; i++) {
        const item = items[(i * 7_919) % size]!;
        map.delete(item.key);
        map.set(item.key, item);
      }
    });
  },
  "add and take the oldest": (size) => {
    const { members } = filled(size);
    return timed(() => {
      for (let i = 0; i < OPERATIONS; i++) members.add(members.takeNext()!);
    });
  },
  "add and take by key": (size) => {
    const { members, items } = filled(size);
    return timed(() => {
      for (let i = 0; i < OPERATIONS; i++) members.add(members.takeKey(items[(i * 7_919) % size]!.key)!);
    });
  },
  "add and remove": (size) => {
    const { members, items } = filled(size);
    return timed(() => {
      for (let i = 0; i < OPERATIONS; i++) {
        const item = items[(i * 7_919) % size]!;
        members.remove(item);
        members.add(item);
      }
    });
  },
  "wait for a key that is there": async (size) => {
    const { members, items } = filled(size);
    return await timedAsync(async () => {
      for (let i = 0; i < OPERATIONS; i++) members.add(await members.waitKey(items[(i * 7_919) % size]!.key, WAIT));
    });
  },
  "wait for a key that comes, among so many waiters": async (size) => {
    const { members, items } = filled(0, size);
    const waits = items.map((item) => members.waitKey(item.key, WAIT));
    const ns = await timedAsync(async () => {
      for (let i = 0; i < OPERATIONS; i++) {
        const at = (i * 7_919) % size;
        const wait = waits[at]!;
        members.add(items[at]!);
        waits[at] = members.waitKey((await wait).key, WAIT);
      }
    });
    for (const wait of waits) wait.catch(() => {});
    members.close(new Error("done"));
    return ns;
  },
  "lose and refill a connection, per member": (size) => {
    const { members, items } = filled(size);
    const group = items[0]!.group;
    const rounds = Math.max(1, Math.floor(OPERATIONS / size));
    return timed(() => {
      for (let i = 0; i < rounds; i++) for (const item of members.removeGroup(group)) members.add(item);
    }, rounds * members.sizeOf(group));
  },
  "schedule and cancel a deadline": (size) => {
    const deadlines = new Deadlines(STILL);
    for (let i = 0; i < size; i++) deadlines.schedule(NOTHING, i);
    return timed(() => {
      for (let i = 0; i < OPERATIONS; i++) deadlines.schedule(NOTHING, size + i).cancel();
    });
  },
};

const NOTHING = { expire(): void {} };
const TIMER = { cancel(): void {}, ref(): void {}, unref(): void {} };
const STILL = { now: (): number => 0, timer: (): typeof TIMER => TIMER };
const WAIT = { timeout: 30_000 };

function filled(size: number, prepared = size): { members: Members<Item>; items: Item[] } {
  const members = new Members<Item>({ deadlines: new Deadlines(STILL) });
  const groups = [{}, {}, {}, {}];
  const items = Array.from({ length: prepared }, (_, i) => ({
    key: i.toString(16).padStart(8, "0"),
    group: groups[i % groups.length]!,
  }));
  for (let i = 0; i < size; i++) members.add(items[i]!);
  return { members, items };
}

function timed(run: () => void, operations = OPERATIONS): number {
  run();
  const start = performance.now();
  run();
  return (performance.now() - start) * 1e6 / operations;
}

async function timedAsync(run: () => Promise<void>): Promise<number> {
  await run();
  const start = performance.now();
  await run();
  return (performance.now() - start) * 1e6 / OPERATIONS;
}

if (import.meta.main) {
  const sizes = [10, 1_000, 100_000];
  const line = (name: string, cells: readonly unknown[]): string =>
    name.padEnd(52) + cells.map((cell) => String(cell).padStart(10)).join("");
  console.log(line("ns per operation, members:", sizes));
  for (const { operation, ns } of await measureCore(sizes)) {
    console.log(line(operation, ns.map((n) => Math.round(n))));
  }
}
