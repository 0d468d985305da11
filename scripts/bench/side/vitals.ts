/** What this process has used so far. @module */
import process from "node:process";

export interface Vitals {
  /** Seconds of CPU. */
  readonly cpu: number;
  /** Bytes of resident memory. */
  readonly rss: number;
}

export function vitals(): Vitals {
  const cpu = process.cpuUsage();
  return { cpu: (cpu.user + cpu.system) / 1e6, rss: process.memoryUsage().rss };
}

/** Collects garbage for good; V8 gives pages back a while after. */
export async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const scope = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };
    scope.gc?.();
    scope.Bun?.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
