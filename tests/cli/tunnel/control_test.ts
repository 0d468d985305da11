import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { openControl } from "../../../src/cli/tunnel/control.ts";
import { ControlError, type ControlMessage } from "../../../src/cli/tunnel/messages.ts";
import { test } from "../../support/harness.ts";
import { streamPair } from "./stream_pair.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function readText(stream: { read(into: Uint8Array): Promise<number | null> }, until?: string): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (let n = await stream.read(buffer); n !== null; n = await stream.read(buffer)) {
    text += new TextDecoder().decode(buffer.subarray(0, n));
    if (until !== undefined && text.includes(until)) return text;
  }
  return text;
}

test("control: both sides greet, then talk, then end one after the other", async () => {
  const [left, right] = streamPair();
  const heard: Record<string, ControlMessage[]> = { server: [], client: [] };
  const server = openControl(left, (message) => heard.server!.push(message));
  const client = openControl(right, (message) => heard.client!.push(message));
  server.send({ kind: "take", id: "00000001", from: "a:1" });
  server.send({ kind: "take", id: "00000002", from: "b:2" });
  client.send({ kind: "ok", id: "00000001" });
  client.end();
  assertEquals(await server.over, undefined);
  server.end();
  assertEquals(await client.over, undefined);
  assertEquals(heard.server, [{ kind: "hello" }, { kind: "ok", id: "00000001" }]);
  assertEquals(heard.client!.map(({ kind }) => kind), ["hello", "take", "take"]);
  assertEquals([left.deadline, right.deadline], [null, null]);
});

test("control: the hello has a deadline, which the first line ends", async () => {
  const [left, right] = streamPair();
  openControl(left, () => {});
  assert((left.deadline?.getTime() ?? 0) > Date.now());
  await right.write(bytes('{"h2pool":1}\n'));
  assertEquals(await readText(right, "\n"), '{"h2pool":1}\n');
  assertEquals(left.deadline, null);
  right.abort();
});

test("control: another version is answered with why, and ends it", async () => {
  const [left, right] = streamPair();
  const heard: ControlMessage[] = [];
  const control = openControl(left, (message) => heard.push(message));
  await right.write(bytes('{"h2pool":7}\n{"take":"00000001"}\n'));
  const said = await readText(right);
  assertEquals(said.split("\n")[0], '{"h2pool":1}');
  assert(JSON.parse(said.split("\n")[1]!).error.includes("version 7"));
  assertInstanceOf(await control.over, ControlError);
  assertEquals(heard, []);
});

test("control: what the other side ends with is the reason here", async () => {
  const [left, right] = streamPair();
  const control = openControl(left, () => {});
  await right.write(bytes('{"h2pool":1}\n{"h2pool":1,"error":"no such thing"}\n'));
  await right.closeWrite();
  const error = await control.over;
  assertInstanceOf(error, ControlError);
  assertEquals(error.message, "the other side says: no such thing");
});

test("control: a lost stream is no fault of the protocol", async () => {
  const [left, right] = streamPair();
  const control = openControl(left, () => {});
  right.abort();
  const error = await control.over;
  assert(error instanceof Error && !(error instanceof ControlError));
});

test("control: messages for a side that does not read are bounded", async () => {
  const [left] = streamPair("00000000", 4_096);
  const control = openControl(left, () => {});
  for (let i = 0; i < 200_000 && left.aborted === undefined; i++) control.send({ kind: "ok", id: "00000001" });
  assertInstanceOf(left.aborted, ControlError);
  assertInstanceOf(await control.over, ControlError);
});
