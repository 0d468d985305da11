/** The listener's bounds as the engine and the connections understand them. @module */
import type { EngineSettings } from "../../contract.ts";
import type { HttpLimits } from "../contract.ts";

/** Bounds with every default filled in; times that are off are Infinity. */
export interface ResolvedLimits {
  readonly readTimeout: number;
  readonly writeTimeout: number;
  readonly idleTimeout: number;
  /** Receive window of a request whose body nobody has asked for yet, and of one that is being read. */
  readonly window: number;
  readonly readWindow: number;
  /** Bytes by which the windows of a connection may grow together. */
  readonly growth: number;
  readonly settings: EngineSettings;
}

const MAX_31 = 0x7fffffff;
/** SETTINGS_MAX_FRAME_SIZE may be no more and no less (RFC 9113 section 6.5.2). */
const MAX_FRAME = 16_777_215;
const MIN_FRAME = 16_384;
/** Streams among which an upload buffer is shared out where their number has no bound. */
const MANY = 4_096;

/**
 * An HTTP/2 connection has no buffer of its own: what its streams may send unread is the sum of their windows. So half of
 * `maxUploadBufferPerConnection` is shared out among all streams that may be open at once, and the other half is lent to
 * those that are being read, which then have up to `maxUploadBufferPerStream`. No stream that is not read holds up another.
 */
export function resolveLimits(limits: HttpLimits): ResolvedLimits {
  const maxStreams = bound(limits.maxConcurrentStreams, 250);
  const perStream = bound(limits.maxUploadBufferPerStream, 1_048_576);
  const perConnection = bound(limits.maxUploadBufferPerConnection, 16 * 1_048_576);
  const share = Math.floor(perConnection / 2 / Math.min(maxStreams, MANY));
  const window = Math.max(1, Math.min(perStream, share));
  return {
    readTimeout: time(limits.readTimeout, 0),
    writeTimeout: time(limits.writeTimeout, 0),
    idleTimeout: time(limits.idleTimeout, 120_000),
    window,
    readWindow: perStream,
    growth: Math.floor(perConnection / 2),
    settings: {
      window,
      maxStreams,
      maxFrame: Math.max(MIN_FRAME, Math.min(MAX_FRAME, bound(limits.maxReadFrameSize, 65_536))),
      limits: { maxHeaderBytes: bound(limits.maxHeaderBytes, 65_536) },
    },
  };
}

function bound(value: number | undefined, fallback: number): number {
  const given = value ?? fallback;
  return given === 0 ? MAX_31 : Math.min(given, MAX_31);
}

function time(value: number | undefined, fallback: number): number {
  const given = value ?? fallback;
  return given === 0 ? Infinity : given;
}
