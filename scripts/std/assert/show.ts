/** Values as text, and the difference of two, for assertion messages. @module */
import { inspect } from "node:util";

const LONGEST = 40;

/** One value, on as many lines as it needs. */
export function show(value: unknown): string {
  return inspect(value, {
    depth: 12,
    maxArrayLength: 200,
    maxStringLength: 10_000,
    sorted: true,
    breakLength: 100,
    compact: 3,
  });
}

/** Line by line: `-` what there is, `+` what was expected; long common stretches are left out. */
export function difference(actual: unknown, expected: unknown): string {
  if (ArrayBuffer.isView(actual) && ArrayBuffer.isView(expected)) {
    const at = firstByte(actual, expected);
    if (actual.byteLength + expected.byteLength > 400) {
      return `  bytes: actual ${actual.byteLength}, expected ${expected.byteLength}, first difference at ${at}`;
    }
  }
  const a = lines(actual), b = lines(expected);
  if (a.length * b.length > 4_000_000) return `- actual:   ${clip(a)}\n+ expected: ${clip(b)}`;
  return ["  (- actual, + expected)", ...squeeze(diff(a, b))].join("\n");
}

function lines(value: unknown): string[] {
  const options = {
    depth: 12,
    maxArrayLength: 2_000,
    maxStringLength: 100_000,
    sorted: true,
    breakLength: 1,
    compact: false,
  } as const;
  return (typeof value === "string" && value.includes("\n") ? value : inspect(value, options)).split("\n");
}

function firstByte(a: ArrayBufferView, b: ArrayBufferView): number {
  const x = new Uint8Array(a.buffer, a.byteOffset, a.byteLength),
    y = new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
  let i = 0;
  while (i < x.length && i < y.length && x[i] === y[i]) i++;
  return i;
}

function diff(a: string[], b: string[]): string[] {
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const skip = Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
      common[i * width + j] = a[i] === b[j] ? (common[(i + 1) * width + j + 1] ?? 0) + 1 : skip;
    }
  }
  const out: string[] = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) out.push(`  ${a[i++]}`), j++;
    else if (
      j >= b.length || (i < a.length && (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))
    ) out.push(`- ${a[i++]}`);
    else out.push(`+ ${b[j++]}`);
  }
  return out;
}

function squeeze(all: string[]): string[] {
  const near = all.map((_, i) => all.slice(Math.max(0, i - 3), i + 4).some((line) => !line.startsWith(" ")));
  const out = all.flatMap((line, i) => near[i] ? [line] : near[i - 1] ? ["  ..."] : []);
  return out.length > LONGEST * 3 ? [...out.slice(0, LONGEST * 3), "  ..."] : out;
}

function clip(all: string[]): string {
  return all.slice(0, LONGEST).join("\n");
}
