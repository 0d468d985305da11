/** The static table of RFC 7541 appendix A. @module */

/** Entries of the static table; the dynamic table starts at index 62. */
export const STATIC_LENGTH = 61;

const ENTRIES: readonly (readonly [name: string, ...values: string[]])[] = [
  [":authority"],
  [":method", "GET", "POST"],
  [":path", "/", "/index.html"],
  [":scheme", "http", "https"],
  [":status", "200", "204", "206", "304", "400", "404", "500"],
  ["accept-charset"],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language"],
  ["accept-ranges"],
  ["accept"],
  ["access-control-allow-origin"],
  ["age"],
  ["allow"],
  ["authorization"],
  ["cache-control"],
  ["content-disposition"],
  ["content-encoding"],
  ["content-language"],
  ["content-length"],
  ["content-location"],
  ["content-range"],
  ["content-type"],
  ["cookie"],
  ["date"],
  ["etag"],
  ["expect"],
  ["expires"],
  ["from"],
  ["host"],
  ["if-match"],
  ["if-modified-since"],
  ["if-none-match"],
  ["if-range"],
  ["if-unmodified-since"],
  ["last-modified"],
  ["link"],
  ["location"],
  ["max-forwards"],
  ["proxy-authenticate"],
  ["proxy-authorization"],
  ["range"],
  ["referer"],
  ["refresh"],
  ["retry-after"],
  ["server"],
  ["set-cookie"],
  ["strict-transport-security"],
  ["transfer-encoding"],
  ["user-agent"],
  ["vary"],
  ["via"],
  ["www-authenticate"],
];

/** Names by index, 1 to {@linkcode STATIC_LENGTH}; index 0 is unused. */
export const STATIC_NAMES: readonly string[] = [""];
/** Values by index, as {@linkcode STATIC_NAMES}. */
export const STATIC_VALUES: readonly string[] = [""];

/** Where a name stands in the static table. */
export interface StaticName {
  /** The first index with this name. */
  readonly index: number;
  /** The index of each value that the table has for it. */
  readonly values: ReadonlyMap<string, number>;
}

/** The static table by name, for the encoder. */
export const STATIC_INDEX: ReadonlyMap<string, StaticName> = build();

function build(): Map<string, StaticName> {
  const names = STATIC_NAMES as string[];
  const values = STATIC_VALUES as string[];
  const byName = new Map<string, StaticName>();
  for (const [name, ...listed] of ENTRIES) {
    const byValue = new Map<string, number>();
    byName.set(name, { index: names.length, values: byValue });
    for (const value of listed.length === 0 ? [""] : listed) {
      byValue.set(value, names.length);
      names.push(name);
      values.push(value);
    }
  }
  return byName;
}
