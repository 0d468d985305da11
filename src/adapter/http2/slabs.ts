/**
 * The buffers that frames are written into, pooled for the whole process: a busy connection takes large ones in turn,
 * an idle one holds none, and small outputs (a credit, an answer to PING) never hold a large one. @module
 */

/**
 * A little less than eight TLS records of 16 KiB: encrypted they fill two of loopback's segments (65,483 bytes each), and do
 * not begin a third. 131,072 bytes do, and cost Node 30 to 45 % and Bun 15 to 30 % of the throughput there, and on Bun
 * a few bytes more than that another 30 %. Where segments are small it makes no difference. Smaller batches cost
 * throughput, larger ones gain nothing.
 */
export const LARGE = 130_048;
const SMALL = 4_096;
/** What the pools keep at most: 4 MiB and 256 KiB. */
const KEEP_LARGE = 32;
const KEEP_SMALL = 64;

/** A buffer that is being filled, queued or in flight. */
export class Slab {
  readonly bytes: Uint8Array;
  /** Bytes filled from the start. */
  used = 0;
  /** Of them, bytes that count against the limit on queued control frames. */
  control = 0;
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }
}

const large: Slab[] = [];
const small: Slab[] = [];

/** An empty slab that takes at least `bytes`, or a large one. */
export function acquireSlab(bytes: number): Slab {
  if (bytes <= SMALL) return small.pop() ?? new Slab(SMALL);
  return large.pop() ?? new Slab(LARGE);
}

/** Gives a slab back whose bytes nobody reads any more. */
export function releaseSlab(slab: Slab): void {
  slab.used = 0;
  slab.control = 0;
  if (slab.bytes.length === SMALL) {
    if (small.length < KEEP_SMALL) small.push(slab);
  } else if (large.length < KEEP_LARGE) large.push(slab);
}
