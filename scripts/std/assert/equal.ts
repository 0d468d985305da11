/** Deep equality, as JSR's `@std/assert` means it: `Object.is` for leaves, own enumerable keys, same prototype. @module */

/** Whether two values are deeply equal. */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

function compare(a: unknown, b: unknown, seen: Map<object, object>): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return plain(a) && plain(b) && members(a, b, seen);
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof WeakMap || a instanceof WeakSet || a instanceof WeakRef || a instanceof Promise) return false;
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) return bytes(view(a), view(b));
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) return bytes(new Uint8Array(a), new Uint8Array(b));
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Set && b instanceof Set) return a.size === b.size && matched([...a], [...b], seen);
  if (a instanceof Map && b instanceof Map) return a.size === b.size && matched([...a], [...b], seen);
  if (a instanceof Error && b instanceof Error && (a.name !== b.name || a.message !== b.message)) return false;
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false;
  return members(a, b, seen);
}

// Buffers of megabytes are compared in the tests: no key per byte.
function bytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function view(a: ArrayBufferView): Uint8Array {
  return new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
}

function plain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function members(a: object, b: object, seen: Map<object, object>): boolean {
  const keys = ownKeys(a);
  if (keys.length !== ownKeys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && compare(Reflect.get(a, key), Reflect.get(b, key), seen));
}

function ownKeys(value: object): PropertyKey[] {
  return Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}

function matched(a: unknown[], b: unknown[], seen: Map<object, object>): boolean {
  const left = [...b];
  return a.every((x) => {
    const i = left.findIndex((y) => compare(x, y, seen));
    if (i >= 0) left.splice(i, 1);
    return i >= 0;
  });
}
