/**
 * Metrics of pools, for Prometheus.
 *
 * @module
 */
export { prometheus } from "./prometheus.ts";
export type { MetricsSource, ServerSnapshot, StreamSnapshot } from "./sources.ts";
