/** The suite's own `test`: one per file name and behaviour, on every runtime, with the leak check. @module */
import { test as run } from "node:test";

export interface TestContext {
  /** Runs after the test, last first, whether it passed or not. */
  cleanup(undo: () => unknown): void;
}

export function test(name: string, body: (t: TestContext) => unknown): void {
  run(name, async () => {
    const undo: (() => unknown)[] = [];
    try {
      await body({ cleanup: (f) => undo.push(f) });
    } finally {
      for (const f of undo.reverse()) await f();
    }
  });
}
