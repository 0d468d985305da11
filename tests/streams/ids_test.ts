import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { FIRST, idSource, isId, showId } from "../../src/streams/ids.ts";
import { test } from "../support/harness.ts";

test("ids: eight lower-case hex digits", () => {
  assertEquals(showId(Uint8Array.of(0, 0, 0, 1)), "00000001");
  assertEquals(showId(Uint8Array.of(255, 171, 205, 239)), "ffabcdef");
  assertEquals(FIRST.text, "00000000");
  assert(isId("0123abcd"));
  for (const bad of ["0123ABCD", "123", "0123abcde", "0123abcg", "", 5, null, undefined]) assert(!isId(bad));
});

test("ids: never the first one, never one that is taken", () => {
  // What the random source gives, four bytes at a time.
  const draws = [0, 5, 5, 0, 6, 7];
  let at = 0;
  const taken = new Set<string>();
  const next = idSource((into) => {
    for (let i = 0; i < into.length; i += 4) {
      into.fill(0, i, i + 4);
      into[i + 3] = draws[at++ % draws.length]!;
    }
  }, (id) => taken.has(id));
  for (const expected of ["00000005", "00000006", "00000007"]) {
    const { text, bytes } = next();
    assertEquals(text, expected);
    assertEquals(showId(bytes), text);
    taken.add(text);
  }
});

test("ids: the bytes of one are not written to again", () => {
  let draw = 0;
  const next = idSource((into) => into.fill(++draw), () => false);
  const { bytes } = next();
  assertEquals([...bytes], [1, 1, 1, 1]);
  for (let i = 0; i < 1_000; i++) assertNotStrictEquals(next().bytes.buffer, undefined);
  assert(draw > 2, "drawn in batches");
  assertEquals([...bytes], [1, 1, 1, 1]);
});
