/** @module */
import type { HttpAdapter } from "./contract.ts";

/** Not there yet. */
export const httpAdapter: HttpAdapter = {
  unsupported: () => [],
  listen: () => Promise.reject(new Error("no listener yet")),
};
