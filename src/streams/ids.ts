/**
 * Stream ids.
 *
 * @module
 */

/** The first stream of every connection: users reserve it for a control stream. */
export const FIRST_ID = "00000000";
const FIRST_BYTES = new Uint8Array(4);

const BATCH = 256;

/** An id, as it is shown and as it goes over the wire. */
export interface StreamId {
  readonly text: string;
  /** Four bytes; not to be written to. */
  readonly bytes: Uint8Array;
}

/** `00000000`. */
export const FIRST: StreamId = { text: FIRST_ID, bytes: FIRST_BYTES };

/**
 * Random ids that are neither `00000000` nor refused by `taken`. Random bytes are drawn in batches; a batch is never written
 * to again, so that an id may wait in a send queue.
 */
export function idSource(
  randomBytes: (into: Uint8Array<ArrayBuffer>) => void,
  taken: (id: string) => boolean,
): () => StreamId {
  let batch = new Uint8Array();
  let at = 0;
  return () => {
    for (;;) {
      if (at === batch.length) {
        batch = new Uint8Array(4 * BATCH);
        randomBytes(batch);
        at = 0;
      }
      const bytes = batch.subarray(at, at += 4);
      const text = showId(bytes);
      if (text !== FIRST_ID && !taken(text)) return { text, bytes };
    }
  };
}

/** Four bytes as eight lower-case hex digits. */
export function showId(bytes: Uint8Array): string {
  const number = ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
  return number.toString(16).padStart(8, "0");
}

/** Whether this is an id as users write it. */
export function isId(id: unknown): id is string {
  return typeof id === "string" && /^[0-9a-f]{8}$/.test(id);
}
