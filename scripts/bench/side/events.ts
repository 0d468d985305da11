/** Workloads over a `node:stream` Duplex: `data`, `write`, `drain`. Serves node:http2, raw TLS and `toDuplex()`. @module */
import type { Duplex } from "node:stream";
import type { Buffer } from "node:buffer";
import { answering, bouncing, type Command, countBytes, type Flow, PIECE } from "./flow.ts";

/** `ends`: whether the end of a stream can be used as a message (`framed`), or only counts can (`counted`, raw sockets). */
export type Ends = "framed" | "counted";

export function eventFlow(begin: (command: Command, total: number) => Duplex, ends: Ends): Flow {
  let stream: Duplex;
  let fault: Error | undefined;
  let onData: (chunk: Buffer) => void = () => {};
  let onEnd: () => void = () => {};
  let onDrain: () => void = () => {};
  const failures: ((error: Error) => void)[] = [];
  const settled = <T>(run: (resolve: (value: T) => void) => void): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (fault) return reject(fault);
      failures.push(reject);
      run(resolve);
    });
  return {
    begin(command, total) {
      stream = begin(command, total);
      stream.on("data", (chunk: Buffer) => onData(chunk));
      stream.on("end", () => onEnd());
      stream.on("drain", () => onDrain());
      stream.on("error", (error: Error) => {
        fault = error;
        for (const reject of failures) reject(error);
      });
    },
    send: (total) =>
      settled<void>((resolve) => {
        let left = total;
        onDrain = () => {
          while (left > 0) {
            const piece = left >= PIECE.length ? PIECE : PIECE.subarray(0, left);
            left -= piece.length;
            if (!stream.write(piece) && left > 0) return;
          }
          onDrain = () => {};
          if (ends === "framed") stream.end();
          resolve();
        };
        onDrain();
      }),
    receive: (total) =>
      settled<number>((resolve) => {
        let got = 0;
        onData = (chunk) => {
          got += chunk.length;
          if (ends === "counted" && got >= total) resolve(got);
        };
        onEnd = () => resolve(got);
      }),
    bounce: (size, times) =>
      settled<void>((resolve) => void (onData = bouncing(size, times, (message) => stream.write(message), resolve))),
    answer: () => settled<number>((resolve) => void (onData = answering(resolve))),
    finish() {
      stream.end();
      if (ends === "counted") stream.destroy();
      else stream.resume();
    },
  };
}

/** The server's side of a command. `respond` sends the response's headers where there are any. */
export function serveEvents(
  stream: Duplex,
  command: Command,
  total: number,
  ends: Ends,
  respond: () => void = () => {},
): void {
  stream.on("error", () => {});
  if (command === "echo") {
    respond();
    stream.pipe(stream);
  } else if (command === "source") {
    respond();
    stream.resume();
    let left = total;
    const go = () => {
      while (left > 0) {
        const piece = left >= PIECE.length ? PIECE : PIECE.subarray(0, left);
        left -= piece.length;
        if (!stream.write(piece)) return;
      }
      stream.off("drain", go);
      stream.end();
    };
    stream.on("drain", go);
    go();
  } else {
    let got = 0;
    stream.on("data", (chunk: Buffer) => {
      got += chunk.length;
      if (ends === "counted" && got === total) stream.end(countBytes(got));
    });
    stream.on("end", () => {
      if (ends === "counted") return;
      respond();
      stream.end(countBytes(got));
    });
  }
}
