/** The owner may call anything from any callback, and may throw. */
import { assert, assertEquals } from "@std/assert";
import type { Channel } from "../../../src/adapter/contract.ts";
import { data, END_STREAM, goaway, headers, ping, reset, settings, windowUpdate } from "../../support/frames.ts";
import { test } from "../../support/harness.ts";
import { GET, type Rig, rig, type RigOptions } from "./rig.ts";

const OK = [":status", "200"];
const EVENTS = ["body POST", "data a", "trailers t 1", "end", "accepted"];

/** A server's stream that hears every event, in order. */
function serverRun(on: RigOptions["on"]): Rig {
  const server = rig("server", { peer: { 4: 3 }, on });
  server.feed(headers(1));
  const channel = server.channel(1);
  if (!server.session.over && server.session.streams.has(1)) {
    channel.respond(OK);
    channel.write(new Uint8Array(5));
    server.flush();
  }
  server.feed(data(1, "a"), headers(3), headers(1, ["t", "1"], END_STREAM), windowUpdate(1, 100), ping(7));
  return server;
}

for (const event of EVENTS) {
  test(`reset within "${event}": close follows before it returns, nothing after`, () => {
    const server = serverRun((now, channel, self) => {
      if (now !== event || channel.id !== 1) return;
      channel.reset(8);
      const closed = self.heard();
      // The one callback whose owner is not known yet: it hears after it has said who it is.
      if (event !== "body POST") assertEquals(closed.at(-1), "1 close aborted 8");
    });
    const rest = server.heard().filter((line) => line.startsWith("1 "));
    assertEquals(rest, event === "body POST" ? ["1 close aborted 8"] : []);
    assert(server.sent().includes("RST_STREAM 1 8"));
    assert(server.session.streams.has(3), "the other stream goes on");
    assertEquals(server.overs, []);
  });

  test(`destroy within "${event}": everything is told, nothing more is parsed`, () => {
    const server = serverRun((now, channel, self) => {
      if (now === event && channel.id === 1) self.session.destroy(undefined);
    });
    const heard = server.heard();
    assertEquals(heard.filter((line) => line.startsWith("1 close")), ["1 close lost"]);
    assertEquals(heard.filter((line) => line.startsWith("closed")), ["closed the connection was destroyed"]);
    assertEquals(heard.filter((line) => line.includes("body")).length, EVENTS.indexOf(event) < 2 ? 1 : 2);
    // `accepted` comes with the output, behind everything that was read.
    assertEquals(server.sent().includes("PING ACK 7"), event === "accepted");
  });

  test(`a throw within "${event}" is the runtime's uncaught exception, and disturbs nothing`, () => {
    const uncaught = catchMicrotasks(() => {
      const quiet = serverRun(undefined).heard();
      const thrown = serverRun((now, channel) => {
        if (now === event && channel.id === 1) throw new Error(`thrown in ${event}`);
      });
      if (event === "body POST") {
        // Nobody owns the stream.
        assert(thrown.sent().includes("RST_STREAM 1 2"));
        return;
      }
      assertEquals(thrown.heard(), quiet);
      assert(thrown.sent().includes("PING ACK 7"));
    });
    assertEquals(uncaught, [`Error: thrown in ${event}`]);
  });
}

test("a throw within close, goaway and available disturbs nothing", () => {
  const uncaught = catchMicrotasks(() => {
    const server = rig("server", {
      on: (event) => {
        if (event.startsWith("close")) throw new Error("thrown");
      },
    });
    server.feed(headers(1), headers(3), reset(1, 8), ping(5));
    assertEquals(server.sent(), ["PING ACK 5"]);
    server.session.destroy(undefined);
    assertEquals(server.heard().at(-1), "closed the connection was destroyed");
  });
  assertEquals(uncaught, ["Error: thrown", "Error: thrown"]);
});

test("write from within accepted goes on until window or socket end it", () => {
  let left = 50;
  const go = (channel: Channel): void => {
    while (left-- > 0) {
      if (!channel.write(new Uint8Array(50_000))) return;
    }
    channel.end();
  };
  const client = rig("client", {
    peer: { 4: 2 ** 31 - 1 },
    on: (event, channel) => event === "accepted" && go(channel),
  });
  client.feed(windowUpdate(0, 2 ** 30));
  go(client.open());
  const frames = client.frames();
  assertEquals(frames.reduce((sum, frame) => sum + (frame.type === 0 ? frame.payload.length : 0), 0), 2_500_000);
  assertEquals(frames.at(-1)!.flags, END_STREAM);
});

test("open from within close, available and goaway", () => {
  const client = rig("client", {
    peer: { 3: 1 },
    on: (event, _, self) => {
      if (event === "close" && self.session.openable > 0) self.open(GET, "none");
    },
  });
  client.open(GET, "none");
  for (let id = 1; id <= 9; id += 2) client.feed(headers(id, OK, END_STREAM));
  assertEquals(client.heard().filter((line) => line.endsWith("close")), [1, 3, 5, 7, 9].map((id) => `${id} close`));
  assertEquals(client.sent(), [1, 3, 5, 7, 9, 11].map((id) => `HEADERS ${id} END`));
});

test("one stream's close resets another, in a GOAWAY and in a destroy", () => {
  for (const end of ["goaway", "destroy"]) {
    const client = rig("client", {
      on: (event, channel, self) => {
        if (event.startsWith("close") && channel.id === 3) self.channel(5).reset(8);
      },
    });
    for (let i = 0; i < 3; i++) client.open();
    if (end === "goaway") client.feed(goaway(1, 0));
    else client.session.destroy(undefined);
    const closes = client.heard().filter((line) => line.includes(" close"));
    assertEquals(closes.slice(-2), [`3 close ${end === "goaway" ? "refused" : "lost"}`, "5 close aborted 8"]);
  }
});

test("a whole exchange within the channel callback", () => {
  const server = rig("server", {
    on: (event, channel) => {
      if (event !== "none GET") return;
      channel.respond(OK);
      channel.write(new Uint8Array(3));
      channel.end(["t", "1"]);
    },
  });
  server.feed(headers(1, GET, END_STREAM));
  assertEquals(server.heard(), ["1 none GET", "1 end", "1 close"]);
  assertEquals(server.sent(), ["HEADERS 1", "DATA 1 \0\0\0", "HEADERS 1 END"]);
});

test("reset by every event in turn while another stream is in full flow", () => {
  for (let at = 0; at < 12; at++) {
    let seen = 0;
    const server = rig("server", {
      peer: { 4: 1_000 },
      on: (event, channel, self) => {
        if (event.startsWith("body")) {
          channel.respond(OK);
          channel.write(new Uint8Array(3_000));
        }
        if (seen++ === at) { for (const id of [...self.session.streams.keys()]) self.channel(id)?.reset(8); }
      },
    });
    server.feed(headers(1), data(1, "a"), headers(3), data(3, "b"), windowUpdate(1, 1_000), settings({ 4: 2_000 }));
    server.feed(data(1, "c", END_STREAM), data(3, "d"), windowUpdate(3, 10_000));
    server.feed(headers(5), reset(5, 8), ping(3));
    assertEquals(server.sent().at(-1), "PING ACK 3");
    assertEquals(server.overs, []);
    const closes = server.heard().filter((line) => line.includes(" close"));
    assertEquals(new Set(closes).size, closes.length, "each stream closes once");
  }
});

/** Runs `body` and gives what it would have thrown from microtasks, as the runtime's uncaught exceptions. */
function catchMicrotasks(body: () => void): string[] {
  const original = globalThis.queueMicrotask;
  const caught: string[] = [];
  globalThis.queueMicrotask = (job) => {
    try {
      job();
    } catch (error) {
      caught.push(String(error));
    }
  };
  try {
    body();
  } finally {
    globalThis.queueMicrotask = original;
  }
  return caught;
}
