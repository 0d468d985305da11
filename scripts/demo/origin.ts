/**
 * The service behind the demo's tunnel: GET sends a file, POST answers with the SHA-256 of what was sent.
 *
 * Arguments: folders; `/0/x` is the file `x` of the first one.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join, normalize } from "node:path";
import process from "node:process";
import { pipeline } from "node:stream/promises";

const folders = process.argv.slice(2);

/** One connection each: many short ones is what a tunnel has to be good at, and none is left when it drains. */
const CLOSE = { connection: "close" };

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "POST") {
    const hash = createHash("sha256");
    for await (const chunk of request) hash.update(chunk);
    return void response.writeHead(200, CLOSE).end(hash.digest("hex"));
  }
  const [, index = "", path = ""] = /^\/(\d+)\/(.+)$/.exec(decodeURIComponent(request.url ?? "")) ?? [];
  const folder = folders[Number(index)];
  const inside = !normalize(path).startsWith("..");
  if (index === "" || folder === undefined || !inside) return void response.writeHead(404, CLOSE).end();
  const file = join(folder, path);
  const { size } = await stat(file);
  response.writeHead(200, { ...CLOSE, "content-type": "application/octet-stream", "content-length": size });
  await pipeline(createReadStream(file), response);
}

const server = createServer((request, response) => {
  // A fetch that the demo cut in the middle is what the demo is about.
  answer(request, response).catch(() => response.destroy());
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) console.log(`listening on ${address.port}`);
});
