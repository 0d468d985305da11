/** The content of a Response that was made of a string or of bytes, without its stream, where the platform lets one see it. @module */

const encoder = new TextEncoder();

/** Node 22 keeps it under a symbol: reading the stream instead costs as much as the rest of the response. */
const state: symbol | undefined = Object.getOwnPropertySymbols(new Response("probe"))
  .find((symbol) => (of(new Response("probe"), symbol)?.source) === "probe");

interface Body {
  readonly source?: unknown;
  readonly stream?: ReadableStream;
}

function of(response: Response, symbol: symbol): Body | undefined {
  const held = (response as unknown as Record<symbol, { readonly body?: Body } | undefined>)[symbol];
  return held?.body;
}

/** Undefined where it is not known, or the stream is somebody's already. */
export function knownBody(response: Response): Uint8Array | undefined {
  if (state === undefined) return undefined;
  const body = of(response, state);
  if (body === undefined || body.stream?.locked !== false) return undefined;
  const { source } = body;
  if (typeof source === "string") return encoder.encode(source);
  return source instanceof Uint8Array ? source : undefined;
}
