/** Whoever asks gets what comes, in order; neither waits for the other. */
export function queue<T>(): { push(value: T): void; next(): Promise<T> } {
  const values: T[] = [], takers: ((value: T) => void)[] = [];
  return {
    push(value) {
      const taker = takers.shift();
      if (taker === undefined) values.push(value);
      else taker(value);
    },
    next: () =>
      values.length > 0 ? Promise.resolve(values.shift() as T) : new Promise((resolve) => takers.push(resolve)),
  };
}
