import { assertEquals, assertThrows } from "@std/assert";
import {
  ControlError,
  type ControlMessage,
  encodeMessage,
  MAX_LINE,
  messageReader,
} from "../../../src/cli/tunnel/messages.ts";
import { test } from "../../support/harness.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function read(...parts: (string | Uint8Array)[]): ControlMessage[] {
  const heard: ControlMessage[] = [];
  const reader = messageReader((message) => heard.push(message));
  for (const part of parts) reader.push(typeof part === "string" ? bytes(part) : part);
  return heard;
}

const HELLO = '{"h2pool":1}\n';

test("control: messages are lines of JSON as TUNNEL.md has them, and come back the same", () => {
  const messages: ControlMessage[] = [
    { kind: "hello" },
    { kind: "take", id: "0123abcd", from: "192.0.2.7:5123" },
    { kind: "ok", id: "0123abcd" },
    { kind: "failed", id: "0123abcd", why: 'a "reason"\nin two lines' },
  ];
  const lines = messages.map(encodeMessage);
  assertEquals(lines, [
    '{"h2pool":1}\n',
    '{"take":"0123abcd","from":"192.0.2.7:5123"}\n',
    '{"ok":"0123abcd"}\n',
    '{"failed":"0123abcd","why":"a \\"reason\\"\\nin two lines"}\n',
  ]);
  assertEquals(read(lines.join("")), messages);
  assertEquals(
    read(...bytes(lines.join("")).map((byte) => byte).values().map((byte) => Uint8Array.of(byte))),
    messages,
  );
});

test("control: unknown fields and unknown messages are passed over", () => {
  assertEquals(read('{"h2pool":1,"agent":"x"}\n{"ok":"00000001","at":5}\n{"later":true}\n{"ok":"00000002"}\r\n'), [
    { kind: "hello" },
    { kind: "ok", id: "00000001" },
    { kind: "ok", id: "00000002" },
  ]);
});

test("control: another version ends it, and is named", () => {
  assertThrows(() => read('{"h2pool":2}\n'), ControlError, "version 2");
  assertThrows(() => read('{"h2pool":"1"}\n'), ControlError, 'version "1"');
  assertThrows(() => read('{"ok":"00000001"}\n'), ControlError, "names no version");
});

test("control: a line of 4 KiB passes, one byte more ends it, finished or not", () => {
  const padded = (length: number): string => {
    const line = '{"ok":"00000001","pad":""}';
    return line.replace('""', `"${"x".repeat(length - line.length)}"`);
  };
  assertEquals(read(HELLO, padded(MAX_LINE), "\n").length, 2);
  assertEquals(read(HELLO + padded(MAX_LINE) + "\n" + padded(MAX_LINE) + "\n").length, 3);
  assertThrows(() => read(HELLO, padded(MAX_LINE + 1) + "\n"), ControlError, "longer than 4096 bytes");
  assertThrows(() => read(HELLO, "x".repeat(MAX_LINE), "x"), ControlError, "longer than 4096 bytes");
  assertThrows(() => read("x".repeat(MAX_LINE + 1)), ControlError, "longer than 4096 bytes");
});

test("control: what is not a JSON object, or has values of a wrong kind, ends it", () => {
  for (
    const line of [
      "",
      "hello",
      "5",
      "null",
      "[1]",
      '{"ok":1}',
      '{"ok":"xyz"}',
      '{"ok":"0000000A"}',
      '{"take":"00000001","from":5}',
      '{"failed":"00000001","why":[]}',
      '{"ok":"00000001"',
    ]
  ) assertThrows(() => read(HELLO, `${line}\n`), ControlError, "control line");
  assertThrows(() => read(HELLO, Uint8Array.of(0x22, 0xff, 0x22, 0x0a)), ControlError, "not JSON");
});

test("control: a long reason is cut so that its line stays within the limit", () => {
  const why = "\u0001".repeat(10_000);
  const line = encodeMessage({ kind: "failed", id: "00000001", why });
  assertEquals(line.length <= MAX_LINE, true);
  assertEquals(read(HELLO, line).length, 2);
});
