/**
 * Which handler answers, and its form for the adapter.
 *
 * @module
 */
import type { Answer } from "../adapter/http/contract.ts";
import type { Handler, HandlerSource } from "./handling.ts";

/** The source's own order: its `handler`; `handlers[key]`, or without a key `handlers["default"]`, then `handlers[""]`. */
export function findHandler({ handler, handlers }: HandlerSource, key: string | undefined): Handler | undefined {
  if (handler !== undefined) return handler;
  if (handlers === undefined) return undefined;
  if (key !== undefined) return Object.hasOwn(handlers, key) ? handlers[key] : undefined;
  if (Object.hasOwn(handlers, "default")) return handlers["default"];
  return Object.hasOwn(handlers, "") ? handlers[""] : undefined;
}

/** Gives each handler the adapter's form, once: `server` is what its {@linkcode RequestInfo} says. */
export function answers(server: string): (handler: Handler) => Answer {
  const known = new WeakMap<object, Answer>();
  return (handler) => {
    let answer = known.get(handler);
    if (answer === undefined) {
      answer = answerOf(handler, server);
      known.set(handler, answer);
    }
    return answer;
  };
}

// As a method of what exports it: `this` is the application.
function answerOf(handler: Handler, server: string): Answer {
  if (typeof handler === "function") return { fetch: (request, info) => handler(request, { ...info, server }) };
  if ("fetch" in handler) return { fetch: (request, info) => handler.fetch(request, { ...info, server }) };
  const node: Answer = { node: (req, res) => handler.node(req, res) };
  if (handler.upgrade === undefined) return node;
  return { ...node, upgrade: (req, socket, head) => handler.upgrade?.(req, socket, head) };
}
