/** Pools over real sockets. @module */
import { type Agent, get as httpGet, type IncomingMessage, request as httpRequest } from "node:http";
import { get as httpsGet } from "node:https";
import { createServer } from "node:net";
import { HttpServerPool, type HttpServerPoolOptions } from "../../../src/servers/mod.ts";
import * as certs from "../../support/certs.ts";
import type { TestContext } from "../../support/harness.ts";

/** A pool that ends with the test. */
export function realPool(t: TestContext, options: HttpServerPoolOptions): HttpServerPool {
  const pool = new HttpServerPool(options);
  t.cleanup(() => pool.stop({ grace: 0 }));
  return pool;
}

/** An answer, read to its end. */
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

/** One request on a connection of its own. Rejects when it is cut. */
export function ask(url: string, options: { method?: string; body?: string } = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => text += chunk);
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      response.on("close", () => reject(new Error("cut")));
    };
    if (url.startsWith("https:")) {
      httpsGet(url, { ca: certs.ca, agent: false }, answered).on("error", reject);
    } else if (options.method === undefined) {
      httpGet(url, { agent: false }, answered).on("error", reject);
    } else {
      const request = httpRequest(url, { method: options.method, agent: false }, answered).on("error", reject);
      request.end(options.body);
    }
  });
}

/**
 * A GET that is repeated once when its connection was kept from an earlier one and ended before an answer: what RFC 9112
 * section 9.3.1 allows a client to do by itself.
 */
export async function retrying(url: string, agent: Agent | undefined): Promise<{ readonly status: number }> {
  for (;;) {
    let reused = false, begun = false;
    try {
      return await new Promise((resolve, reject) => {
        const request = httpGet(url, { agent: agent ?? false }, (response) => {
          begun = true;
          response.on("error", reject);
          response.on("close", () => reject(new Error("cut")));
          response.on("end", () => resolve({ status: response.statusCode ?? 0 })).resume();
        });
        request.on("error", (error) => {
          reused = request.reusedSocket;
          reject(error);
        });
      });
    } catch (error) {
      if (!reused || begun) throw error;
    }
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
