import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/errors.ts";
import { address, choice, count, duration, pins, ranges, showBytes, showDuration } from "../../src/cli/values.ts";
import { test } from "../support/harness.ts";

test("cli: durations have units, add up, and end at what a timer takes", () => {
  assertEquals(duration("--x", "0"), 0);
  assertEquals(duration("--x", "500ms"), 500);
  assertEquals(duration("--x", "10s"), 10_000);
  assertEquals(duration("--x", "1.5s"), 1_500);
  assertEquals(duration("--x", "1h30m"), 5_400_000);
  assertEquals(duration("--x", "2m5s20ms"), 125_020);
  assertEquals(duration("--x", "24d"), 24 * 86_400_000);
  for (const wrong of ["", "10", "s", "-1s", "1 s", "1sm", "1y", "1h30", "25d", "1e3s", "٣s"]) {
    assertThrows(() => duration("--x", wrong), UsageError, "--x takes");
  }
});

test("cli: counts are whole, in decimal, and not too small", () => {
  assertEquals(count("--x", "0", 0), 0);
  assertEquals(count("--x", "4096", 1), 4096);
  for (const wrong of ["", "-1", "1.5", "0x10", "1e3", "99999999999999999999", "0"]) {
    assertThrows(() => count("--x", wrong, 1), UsageError, "--x takes a whole number");
  }
});

test("cli: a choice is one of its words", () => {
  assertEquals(choice("--x", "b", ["a", "b"]), "b");
  for (const wrong of ["", "A", "ab", "toString"]) {
    assertThrows(() => choice("--x", wrong, ["a", "b"]), UsageError, "--x takes a or b, not");
  }
});

test("cli: addresses, ranges and pins are read, and refused with the flag's name", () => {
  assertEquals(address("--x", "example.com:8443", "needed"), { hostname: "example.com", port: 8443 });
  assertEquals(address("--x", "[::1]:80", "needed"), { hostname: "::1", port: 80 });
  assertEquals(address("--x", ":9000", "optional"), { hostname: "", port: 9000 });
  for (const wrong of ["", "host", "host:", "host:70000", "::1:80", "a b:1"]) {
    assertThrows(() => address("--x", wrong, "optional"), UsageError, "--x takes host:port");
  }
  assertEquals(ranges("--x", ["10.0.0.0/8,::1", "127.0.0.1"]), ["10.0.0.0/8", "::1", "127.0.0.1"]);
  assertThrows(() => ranges("--x", ["10.0.0.0/8,"]), UsageError, "--x takes");
  const pin = "b4lOde5A0fTbDVFX7rBjv+xHCiV57v8GvO51FT+tcuU=";
  assertEquals(pins("--x", [pin]), [pin]);
  assertThrows(() => pins("--x", [pin.slice(1)]), UsageError, "--x takes the pin");
});

test("cli: bytes and times for people", () => {
  assertEquals([0, 999, 1_000, 1_234_567, 99_950_000, 999_500_000, 5e12].map(showBytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "1.2 MB",
    "100 MB",
    "1.0 GB",
    "5.0 TB",
  ]);
  assertEquals([0, 250, 10_000, 1_500, 600_000].map(showDuration), ["0 ms", "250 ms", "10 s", "1.5 s", "10 min"]);
});
