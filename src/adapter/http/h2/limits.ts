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
  readonly settings: EngineSettings;
}

const MAX_31 = 0x7fffffff;
/** SETTINGS_MAX_FRAME_SIZE may be no more and no less (RFC 9113 section 6.5.2). */
const MAX_FRAME = 16_777_215;
const MIN_FRAME = 16_384;
const FIRST_WINDOW = 65_535;

/**
 * A request whose body nobody reads may send no more than a client sends anyway before it has seen any window (RFC 9113
 * section 6.9.2; less confuses some); once it is read it may have `maxUploadBufferPerStream`. So one that is not read leaves
 * nearly all of the connection's window to the others.
 */
export function resolveLimits(limits: HttpLimits): ResolvedLimits {
  const perStream = bound(limits.maxUploadBufferPerStream, 1_048_576);
  const window = Math.min(perStream, FIRST_WINDOW);
  return {
    readTimeout: time(limits.readTimeout, 0),
    writeTimeout: time(limits.writeTimeout, 0),
    idleTimeout: time(limits.idleTimeout, 120_000),
    window,
    readWindow: perStream,
    settings: {
      window,
      connectionWindow: Math.max(FIRST_WINDOW, bound(limits.maxUploadBufferPerConnection, 16 * 1_048_576)),
      maxStreams: bound(limits.maxConcurrentStreams, 250),
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
