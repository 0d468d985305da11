/** The Date field, which an origin server with a clock has to send (RFC 9110 section 6.6.1). @module */

let second = 0;
let text = "";

/** Now, to the second. */
export function httpDate(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}
