/**
 * node:http2 as a server, in a process of its own. Argument: JSON of {cert, key, settings, options}. Prints `listening
 * PORT`. What a path gets is as in tests/support/exchange/server.ts.
 */
import { readFileSync } from "node:fs";
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { fieldsDigest, pattern } from "../../../support/exchange/bodies.ts";

const { cert, key, settings, options } = JSON.parse(process.argv[2]!) as {
  cert: string;
  key: string;
  settings: Record<string, number>;
  options: Record<string, number>;
};

const server = createSecureServer({
  cert: readFileSync(cert),
  key: readFileSync(key),
  minVersion: "TLSv1.3",
  settings: { maxConcurrentStreams: 1_000, ...settings },
  ...options,
});
server.on("sessionError", () => {});
server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
  serve(stream, headers, raw);
});
server.listen(0, "127.0.0.1", () => console.log(`listening ${(server.address() as AddressInfo).port}`));

function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
  const [, kind, count] = String(headers[":path"]).split("/");
  const answer: Record<string, string | number> = { ":status": 200, seen: fieldsDigest(raw) };
  if (kind === "fields") { for (let i = 0; i < Number(count); i++) answer[`x-field-${i}`] = "v".repeat(1_000); }
  let trailers: Record<string, string> | undefined;
  stream.on("error", () => {});
  stream.on("trailers", (fields) => trailers = { ...fields } as Record<string, string>);
  if (kind === "early") stream.additionalHeaders({ ":status": 103, link: "</style.css>" });
  if (kind === "bytes") {
    stream.respond(answer);
    stream.end(pattern(Number(count)));
    return;
  }
  // Only where they come: close() in "wantTrailers" sends nothing on Node 24, RST_STREAM elsewhere, END_STREAM nowhere.
  stream.respond(answer, { waitForTrailers: kind === "trailers" });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers ?? {}));
  stream.on("data", (chunk: Uint8Array) => {
    if (stream.write(chunk)) return;
    stream.pause();
    stream.once("drain", () => stream.resume());
  });
  stream.on("end", () => stream.end());
}
