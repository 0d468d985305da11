#!/usr/bin/env node
/**
 * The `h2pool` command.
 *
 * ```sh
 * h2pool tunnel server --listen :8443 --public :9000 --token-file token.txt
 * h2pool tunnel client --server example.com:8443 --to 127.0.0.1:3000 --token-file token.txt --pin PIN
 * ```
 *
 * @module
 */
import process from "node:process";
import { main } from "./src/cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
