/**
 * A server in a process of its own, for tests that need the other side on another runtime, killed or frozen. Argument: the
 * engine's name. Prints `listening PORT`; the path of a request says what is done with it. Ends with its standard input.
 *
 * @module
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { systemClock } from "../../src/adapter/clock.ts";
import type { Channel, ChannelHandler, Connection, Fields } from "../../src/adapter/contract.ts";
import { portableEngine } from "../../src/adapter/http2/engine.ts";
import { platformEngine } from "../../src/adapter/node_http2/engine.ts";
import * as certs from "../support/certs.ts";
import { echo, ok, pattern } from "./contract/setup.ts";

/** How streams ended, for `/faults`. */
const faults: string[] = [];

const silent: ChannelHandler = { headers() {}, data() {}, end() {}, accepted() {}, close() {} };

type Behaviour = (channel: Channel, argument: string, connection: Connection, fields: Fields) => ChannelHandler;

const BEHAVIOURS: Record<string, Behaviour> = {
  echo,
  /** Takes what comes and never gives it back to the window. */
  unread: () => silent,
  /** Answers with so many bytes. */
  bytes(channel, argument) {
    channel.respond(ok);
    if (channel.write(pattern(Number(argument)))) channel.end();
    return { ...silent, accepted: () => channel.end() };
  },
  /** Reads everything, then answers with its hash. */
  hash(channel) {
    const hash = createHash("sha256");
    return {
      ...silent,
      data(chunk) {
        hash.update(chunk);
        channel.consume(chunk.length);
      },
      end() {
        channel.respond(ok);
        channel.write(new TextEncoder().encode(hash.digest("hex")));
        channel.end();
      },
    };
  },
  /** A `1xx`, the response, and what trailers came as trailers. */
  trailers(channel) {
    let trailers: Fields = [];
    return {
      ...silent,
      headers: (fields) => void (trailers = fields),
      end() {
        channel.inform([":status", "103", "link", "</a>"]);
        channel.respond(ok);
        channel.end([...trailers, "x-more", "1"]);
      },
    };
  },
  /** Answers with the size of the request's header list. */
  headers(channel, _argument, _connection, fields) {
    channel.respond([...ok, "x-size", String(fields.join("").length), "x-back", fields.at(-1) ?? ""], "none");
    return silent;
  },
  reset(channel, argument) {
    channel.reset(Number(argument));
    return silent;
  },
  goaway(channel, _argument, connection) {
    connection.goaway();
    return echo(channel);
  },
  faults(channel) {
    channel.respond(ok);
    channel.write(new TextEncoder().encode(faults.join("\n")));
    channel.end();
    return silent;
  },
};

const engine = [portableEngine, platformEngine].find(({ name }) => name === process.argv[2]);
if (engine === undefined) throw new Error(`No engine ${process.argv[2]}`);
const listener = await engine.listen({
  hostname: "127.0.0.1",
  port: 0,
  identity: certs.server,
  clock: systemClock,
  handshakeTimeout: 10_000,
  maxHandshakes: 100,
  admit: () => true,
  accept: (connection) => ({
    channel(channel, fields) {
      const [, name = "", argument = ""] = (fields[fields.indexOf(":path") + 1] ?? "").split("/");
      const behaviour = BEHAVIOURS[name];
      if (behaviour === undefined) throw new Error(`No behaviour ${name}`);
      const handler = behaviour(channel, argument, connection, fields);
      return { ...handler, close: (fault) => void faults.push(`${name} ${fault?.kind ?? "ended"}`) };
    },
    available() {},
    goaway() {},
    close() {},
  }),
  failed: (_, error) => console.error(error),
});
console.log(`listening ${listener.addr.port}`);
process.stdin.resume().on("end", () => process.exit(0));
