/** The package's version, as `--version` says it. A test compares it with deno.json. */
export const VERSION = "0.1.0";
