/** Waits until something stands still. @module */

/**
 * Resolves with the value of `count` once it has not moved for `quiet` milliseconds: the way to see that a writer waits for a
 * reader, which no event tells.
 */
export async function stalled(count: () => number, quiet = 100): Promise<number> {
  for (let before = -1; before !== count();) {
    before = count();
    // In steps: on a busy machine one long timer may be late, and what it waits for with it.
    const until = performance.now() + quiet;
    while (performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return count();
}
