/**
 * The error codes of RFC 9113 section 7, and the error that ends a connection. @module
 */
import { ConnectionClosedError } from "../contract.ts";

export const NO_ERROR = 0;
export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;
export const FLOW_CONTROL_ERROR = 3;
export const STREAM_CLOSED = 5;
export const FRAME_SIZE_ERROR = 6;
export const REFUSED_STREAM = 7;
export const CANCEL = 8;
export const COMPRESSION_ERROR = 9;
export const ENHANCE_YOUR_CALM = 11;
export const INADEQUATE_SECURITY = 12;

const NAMES: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

/** The name of an error code as the RFC writes it, for messages. */
export function codeName(code: number): string {
  return NAMES[code] ?? `error code ${code}`;
}

/** A connection error (RFC 9113 section 5.4.1): thrown while a frame is handled, it ends the connection with GOAWAY. */
export class H2Error extends Error {
  override readonly name = "H2Error";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** What the owner hears of a connection error. */
export function closedBy(error: H2Error): ConnectionClosedError {
  return new ConnectionClosedError(`HTTP/2 ${codeName(error.code)}: ${error.message}`, {
    code: error.code,
    cause: error,
  });
}

/** A callback of the owner threw: it becomes the runtime's uncaught exception, and the engine's own state is not disturbed. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Calls the owner. */
export function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}
