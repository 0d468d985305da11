/** Fetch-style handlers over `node:http`: a real `Request` in, a `Response` out. @module */
import type { HttpRequestInfo } from "../contract.ts";
import type { Exchange } from "./exchange.ts";
import { requestOf } from "./request.ts";
import { respond } from "./respond.ts";

type Fetch = (request: Request, info: HttpRequestInfo) => Response | Promise<Response>;

/** Asks the handler and sends what it says. */
export function serveFetch(exchange: Exchange, fetch: Fetch): void {
  const request = requestOf(exchange);
  if (request === undefined) return;
  try {
    const response = fetch(request, exchange.connection.info);
    if (response instanceof Promise) {
      response.then((response) => send(exchange, response), (error: unknown) => exchange.fail(error));
    } else send(exchange, response);
  } catch (error) {
    exchange.fail(error);
  }
}

function send(exchange: Exchange, response: Response): void {
  respond(exchange, response).catch((error: unknown) => exchange.fail(error));
}
