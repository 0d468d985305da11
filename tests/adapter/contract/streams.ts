/** What a channel does. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Fields } from "../../../src/adapter/contract.ts";
import { test } from "../../support/harness.ts";
import { joined } from "../../support/joined.ts";
import { type Ear, echo, ends, type Engines, ok, pattern, post, same, settled, writeAll } from "./setup.ts";

export function streamsContract(name: string, engines: Engines): void {
  test(`${name}: a request and its response, in order, on both sides`, async (t) => {
    const { pair } = await ends(t, engines);
    const { near, nearEar, far, farEar } = await pair();
    assertEquals([near.id, far.id], [1, 1]);
    assertEquals(near.write(pattern(1_000)), true);
    near.end();
    assertEquals([near.writeEnded, near.readEnded], [true, false]);
    await farEar.ended;
    assertEquals([far.readEnded, far.writeEnded, farEar.closed], [true, false, false]);
    far.respond([...ok, "x-a", "b"]);
    far.write(pattern(2_000, 1));
    far.end();
    assertEquals(await nearEar.gone, undefined);
    await farEar.gone;
    assertEquals(nearEar.log, ["response", "data", "end", "close"]);
    assertEquals(farEar.log, ["data", "end", "close"]);
    assertEquals(nearEar.fields, [...ok, "x-a", "b"]);
    assert(same(farEar.bytes(), pattern(1_000)) && same(nearEar.bytes(), pattern(2_000, 1)));
    assertEquals([near.readEnded, near.writeEnded, far.readEnded, far.writeEnded], [true, true, true, true]);
  });

  test(`${name}: no body either way`, async (t) => {
    const { open, request, client, server } = await ends(t, engines);
    const { channel, ear } = open({ body: "none" });
    assertEquals(channel.writeEnded, true);
    const far = await request();
    assertEquals(far.body, "none");
    await far.ear.ended;
    far.channel.respond([":status", "204"], "none");
    await ear.gone;
    await settled(client);
    assertEquals([ear.log, far.ear.log], [["response", "end", "close"], ["end", "close"]]);
    assertEquals([client.channels, server.channels], [0, 0]);
  });

  test(`${name}: end is told after the channel callback, even when it came with the headers`, async (t) => {
    const log: string[] = [];
    const { open } = await ends(t, engines, {
      onChannel(channel, _, body) {
        log.push(`channel ${body}`);
        queueMicrotask(() => channel.respond(ok, "none"));
        const handler = {
          headers() {},
          data() {},
          end: () => log.push("end"),
          accepted() {},
          close: () => log.push("close"),
        };
        log.push("returned");
        return handler;
      },
    });
    await open({ body: "none" }).ear.gone;
    assertEquals(log, ["channel none", "returned", "end", "close"]);
  });

  test(`${name}: a response inside the channel callback`, async (t) => {
    const { open } = await ends(t, engines, {
      onChannel(channel) {
        channel.respond(ok);
        channel.write(pattern(10));
        channel.end();
        return { headers() {}, data() {}, end() {}, accepted() {}, close() {} };
      },
    });
    const { ear } = open({ body: "none" });
    assertEquals(await ear.gone, undefined);
    assertEquals([ear.log, ear.received], [["response", "data", "end", "close"], 10]);
  });

  test(`${name}: trailers, both ways`, async (t) => {
    const { pair } = await ends(t, engines);
    const { near, nearEar, far, farEar } = await pair();
    near.write(pattern(10));
    near.end(["x-sum", "10"]);
    await farEar.ended;
    assertEquals([farEar.log, farEar.trailers], [["data", "trailers", "end"], ["x-sum", "10"]]);
    far.respond(ok);
    far.end(["x-sum", "0", "x-more", "y"]);
    assertEquals(await nearEar.gone, undefined);
    assertEquals(nearEar.log, ["response", "trailers", "end", "close"]);
    assertEquals(nearEar.trailers, ["x-sum", "0", "x-more", "y"]);
  });

  test(`${name}: trailers come after the last byte that waits for window`, async (t) => {
    const { pair } = await ends(t, engines, { clientSettings: { window: 10 } });
    const { near, nearEar, far } = await pair({ read: "keep" });
    far.respond(ok);
    assertEquals(far.write(pattern(25)), false);
    far.end(["x-sum", "25"]);
    for (const received of [10, 20]) {
      await nearEar.until(() => nearEar.received === received);
      assertEquals(nearEar.trailers, undefined);
      near.consume(10);
    }
    await nearEar.ended;
    assertEquals([nearEar.trailers, nearEar.bytes()], [["x-sum", "25"], pattern(25)]);
    near.end();
    await nearEar.gone;
  });

  test(`${name}: informational responses before the response`, async (t) => {
    const { pair } = await ends(t, engines);
    const { near, nearEar, far } = await pair();
    near.end();
    far.inform([":status", "103", "link", "</a>"]);
    far.inform([":status", "102"]);
    far.respond(ok, "none");
    await nearEar.gone;
    assertEquals(nearEar.log, ["informational", "informational", "response", "end", "close"]);
    assertEquals(nearEar.informationals, [[":status", "103", "link", "</a>"], [":status", "102"]]);
    assertThrows(() => far.inform([":status", "103"]), Error);
  });

  test(`${name}: half-close: the client ends first, the server goes on`, async (t) => {
    const { pair } = await ends(t, engines);
    const { near, nearEar, far, farEar } = await pair();
    near.end();
    await farEar.ended;
    far.respond(ok);
    const data = pattern(300_000);
    await writeAll(far, farEar, data);
    assertEquals(await nearEar.gone, undefined);
    assert(same(nearEar.bytes(), data));
  });

  test(`${name}: half-close: the server ends first, the client goes on`, async (t) => {
    const { pair } = await ends(t, engines);
    const { near, nearEar, far, farEar } = await pair();
    far.respond(ok, "none");
    await nearEar.ended;
    assertEquals([nearEar.closed, near.readEnded, near.writeEnded], [false, true, false]);
    const data = pattern(300_000);
    await writeAll(near, nearEar, data);
    assertEquals(await farEar.gone, undefined);
    assertEquals(await nearEar.gone, undefined);
    assert(same(farEar.bytes(), data));
  });

  test(`${name}: reset: the peer hears the code, the caller hears of it before the call returns`, async (t) => {
    const { pair, client, server } = await ends(t, engines);
    for (const code of [0, 1, 2, 5, 8, 11, 13, 0xdeadbeef]) {
      for (const side of ["near", "far"] as const) {
        const both = await pair();
        both.far.respond(ok);
        await both.nearEar.until(() => both.nearEar.fields !== undefined);
        const [ours, theirs] = side === "near" ? [both.nearEar, both.farEar] : [both.farEar, both.nearEar];
        both[side].reset(code);
        assertEquals([ours.fault, ours.log.at(-1)], [{ kind: "aborted", code }, "close"]);
        const fault = await theirs.gone;
        assertEquals([fault?.kind, fault?.kind === "reset" && [fault.by, fault.code]], ["reset", ["peer", code]]);
        assertEquals([ours, theirs].map(({ log }) => log.includes("end")), [false, false]);
      }
    }
    await settled(client);
    assertEquals([client.channels, server.channels], [0, 0]);
  });

  test(`${name}: reset: CANCEL unless said otherwise, and nothing after it`, async (t) => {
    const { pair } = await ends(t, engines);
    const { near, nearEar, far, farEar } = await pair();
    near.write(pattern(10));
    await farEar.until(() => farEar.received === 10);
    far.respond(ok);
    far.write(pattern(100_000));
    near.reset();
    assertEquals(nearEar.fault, { kind: "aborted", code: 8 });
    const fault = await farEar.gone;
    assertEquals(fault?.kind === "reset" && fault.code, 8);
    near.reset(2);
    near.end();
    near.consume(1);
    near.grow(1);
    assertThrows(() => near.write(pattern(1)), Error);
    assertThrows(() => far.write(pattern(1)), Error);
    far.end();
    far.reset();
    assertEquals([nearEar.log, farEar.log.at(-1)], [["close"], "close"]);
    assertEquals(farEar.log.filter((event) => event === "close").length, 1);
  });

  test(`${name}: reset: REFUSED_STREAM is a refusal, at the client`, async (t) => {
    const { pair } = await ends(t, engines);
    const { nearEar, far } = await pair();
    far.reset(7);
    assertEquals((await nearEar.gone)?.kind, "refused");
  });

  test(`${name}: reset: what waits for window is dropped`, async (t) => {
    const { pair, client } = await ends(t, engines, { settings: { window: 100 }, ear: { read: "keep" } });
    const { near, farEar } = await pair();
    assertEquals(near.write(pattern(1_000)), false);
    await farEar.until(() => farEar.received === 100);
    near.reset();
    await farEar.gone;
    await settled(client);
    assertEquals(farEar.received, 100);
  });

  test(`${name}: a stream that is reset does not disturb another`, async (t) => {
    const { pair } = await ends(t, engines);
    const one = await pair(), other = await pair();
    other.far.respond(ok);
    for (let i = 0; i < 20; i++) {
      other.near.write(pattern(1_000, i));
      if (i === 10) one.near.reset();
    }
    other.near.end();
    await other.farEar.ended;
    assert(same(other.farEar.bytes(), joined(Array.from({ length: 20 }, (_, i) => pattern(1_000, i)))));
  });

  test(`${name}: calls out of turn throw, and change nothing`, async (t) => {
    const { pair } = await ends(t, engines, { settings: { window: 1_000 }, ear: { read: "keep" } });
    const { near, nearEar, far, farEar } = await pair();
    assertThrows(() => far.write(pattern(1)), Error);
    assertEquals(near.write(new Uint8Array(0)), true);
    assertEquals(near.write(pattern(3_000)), false);
    assertThrows(() => near.write(pattern(1)), Error);
    near.end();
    near.end();
    assertThrows(() => near.write(pattern(1)), Error);
    far.respond(ok);
    assertThrows(() => far.respond(ok), Error);
    far.end();
    far.end(["x-late", "trailers"]);
    assertThrows(() => far.write(pattern(1)), Error);
    for (const received of [1_000, 2_000]) {
      await farEar.until(() => farEar.received === received);
      far.consume(1_000);
    }
    await Promise.all([nearEar.gone, farEar.gone]);
    assertEquals([nearEar.fault, farEar.fault, nearEar.trailers], [undefined, undefined, undefined]);
    assert(same(farEar.bytes(), pattern(3_000)));
  });

  test(`${name}: 100 streams at once keep their bytes apart`, async (t) => {
    const { open } = await ends(t, engines, { onChannel: echo });
    const one = async (i: number): Promise<void> => {
      const { channel, ear } = open();
      const data = pattern(100_000 + i * 100, i);
      await writeAll(channel, ear, data, 10_000 + i * 13);
      assertEquals(await ear.gone, undefined);
      assert(same(ear.bytes(), data), `stream ${i}`);
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => one(i)));
  });

  test(`${name}: 50 MB there and back`, { timeout: 60_000 }, async (t) => {
    const { open } = await ends(t, engines, {
      onChannel: echo,
      settings: { window: 1 << 20 },
      clientSettings: { window: 1 << 20 },
    });
    const data = pattern(1 << 20), rounds = 50;
    let wrong = 0, at = 0;
    const check = (event: string, ear: Ear): void => {
      if (event !== "data") return;
      // Compared as it comes: 50 MB are not kept.
      const chunk = (ear.chunks as Uint8Array[]).pop() as Uint8Array;
      for (let i = 0; i < chunk.length; i++) if (chunk[i] !== data[(at + i) & 0xfffff]) wrong++;
      at += chunk.length;
    };
    const { channel, ear } = open({ on: check });
    for (let round = 0; round < rounds; round++) {
      for (let from = 0; from < data.length; from += 65_536) {
        const accepts = ear.accepts;
        if (!channel.write(data.subarray(from, from + 65_536))) {
          await ear.until(() => ear.accepts > accepts || ear.closed);
        }
      }
    }
    channel.end();
    assertEquals(await ear.gone, undefined);
    assertEquals([ear.received, wrong], [rounds * data.length, 0]);
  });

  test(`${name}: many small messages keep their order`, async (t) => {
    const { open } = await ends(t, engines, { onChannel: echo });
    const { channel, ear } = open();
    const messages = Array.from({ length: 5_000 }, (_, i) => new TextEncoder().encode(`${i},`));
    for (const message of messages) {
      const accepts = ear.accepts;
      if (!channel.write(message)) await ear.until(() => ear.accepts > accepts);
    }
    channel.end();
    await ear.gone;
    assert(same(ear.bytes(), joined(messages)));
  });

  test(`${name}: streams opened one after the other, far beyond what may be open at once`, async (t) => {
    const { open, client, clientEar } = await ends(t, engines, { onChannel: echo, settings: { maxStreams: 10 } });
    for (let i = 0; i < 300; i++) {
      await clientEar.until(() => client.openable > 0);
      const { channel, ear } = open();
      channel.write(pattern(10, i));
      channel.end();
      if (i % 7 === 0) await ear.gone;
    }
    await client.ping(5_000);
    await clientEar.until(() => client.openable > 0);
    assert(client.channels <= 10);
  });

  test(`${name}: header lists: 30 kB come through, beyond the limit only the stream is refused`, async (t) => {
    const { open, request, client, server } = await ends(t, engines, {
      settings: { limits: { maxHeaderBytes: 40_000 } },
    });
    const big = (size: number): Fields => post("/", "x-big", "v".repeat(size));
    open({ fields: big(30_000), body: "none" });
    assertEquals((await request()).fields, big(30_000));
    const { ear } = open({ fields: big(60_000) });
    const fault = await ear.gone;
    assert(fault?.kind === "reset" || fault?.kind === "refused" || ear.fields?.[1] === "431", JSON.stringify(fault));
    await settled(client);
    assertEquals(server.channels, 1);
  });

  test(`${name}: 1 MB of headers is refused cleanly`, async (t) => {
    const { open, client, clientEar, served } = await ends(t, engines);
    const many = Array.from({ length: 100 }, (_, i) => [`x-${i}`, "v".repeat(10_000)]).flat();
    const { ear } = open({ fields: post("/", ...many) });
    const fault = await ear.gone;
    assert(fault !== undefined);
    if (fault.kind === "lost") {
      // CONTINUATION beyond its limit ends the connection, with ENHANCE_YOUR_CALM: nobody else's.
      assertEquals([await clientEar.gone.then((error) => error instanceof Error), clientEar.goaways[0]?.code], [
        true,
        11,
      ]);
    } else await settled(client);
    await engines.client.connect({ ...(await import("./setup.ts")).connecting(served.port) }).then((next) =>
      next.destroy()
    );
  });

  const { rawFields } = engines.client.capabilities;
  test(`${name}: field lists leave ${rawFields ? "as they were given" : "with repeated names together"}`, async (t) => {
    const { open, request, client } = await ends(t, engines);
    const given = ["x-a", "1", "x-b", "2", "x-a", "3", "7", "4"];
    open({ fields: post("/", ...given), body: "none" });
    const { fields } = await request();
    if (rawFields) assertEquals(fields, post("/", ...given));
    else {
      // Nothing is lost, and the values of one name keep their order.
      const values = (name: string): string[] => fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === name);
      assertEquals([values("x-a"), values("x-b"), values("7")], [["1", "3"], ["2"], ["4"]]);
      assertEquals([fields.length, [...fields].sort()], [
        post("/", ...given).length,
        [...post("/", ...given)].sort(),
      ]);
    }
    await settled(client);
  });

  test(`${name}: a field that may occur once, twice: ${rawFields ? "sent" : "refused by a throw"}`, async (t) => {
    const { open, request, client, clientEar } = await ends(t, engines);
    const twice = post("/", "content-type", "a/b", "content-type", "c/d");
    if (rawFields) {
      open({ fields: twice, body: "none" });
      const { fields } = await request();
      // A `node:http2` server tells of the first one.
      if (engines.server.capabilities.rawFields) assertEquals(fields, twice);
      else assertEquals(fields.slice(0, 10), twice.slice(0, 10));
    } else {
      const { openable } = client;
      assertThrows(() => open({ fields: twice, body: "none" }), TypeError);
      assertEquals([client.channels, client.openable], [0, openable]);
      const { channel } = open({ body: "none" });
      assertEquals((await request()).channel.id, channel.id);
    }
    await settled(client);
    assertEquals(clientEar.log, []);
  });
}
