/**
 * Times as text.
 *
 * @module
 */

/** Milliseconds in each unit. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What {@linkcode parseDuration} reads, as a regular expression without flags: for a JSON Schema, too. */
export const DURATION_PATTERN = "^(?:0|(?:\\d+(?:\\.\\d+)?(?:ms|[smhd]))+)$";

/** Milliseconds of `500ms`, `10s`, `1h30m`, `0`, rounded; undefined for anything else. A bare number has no unit, so it is none. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    sum += Number(amount) * (UNITS[unit ?? ""] ?? 0);
  }
  return Math.round(sum);
}
