import { assertEquals, assertThrows } from "@std/assert";
import { addressList } from "../../src/adapter/allow.ts";
import { test } from "../support/harness.ts";

function answers(entries: string | string[], addresses: string[]): boolean[] {
  const list = addressList(entries);
  return addresses.map((address) => list.has(address));
}

test("an empty list has every address", () => {
  assertEquals(addressList().has("192.0.2.1"), true);
  assertEquals(answers([], ["192.0.2.1", "::1"]), [true, true]);
});

test("a single address", () => {
  assertEquals(answers("192.0.2.1", ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "::1"]), [true, false, true, false]);
  assertEquals(answers("2001:db8::1", ["2001:db8:0::1", "2001:db8::2", "192.0.2.1"]), [true, false, false]);
});

test("IPv4 ranges", () => {
  const asked = ["10.0.0.0", "10.255.255.255", "11.0.0.0", "::ffff:10.1.1.1", "::ffff:b00:1"];
  assertEquals(answers("10.0.0.0/8", asked), [true, true, false, true, false]);
  // The host bits of an entry do not matter.
  assertEquals(answers("10.1.2.3/8", asked), [true, true, false, true, false]);
  assertEquals(answers("192.0.2.129/25", ["192.0.2.128", "192.0.2.127"]), [true, false]);
  assertEquals(answers("192.0.2.1/32", ["192.0.2.1", "192.0.2.0"]), [true, false]);
  assertEquals(answers("0.0.0.0/0", ["192.0.2.1", "::ffff:192.0.2.1", "::1"]), [true, true, false]);
});

test("IPv6 ranges, zones apart", () => {
  assertEquals(answers("fd00::/8", ["fd12::1", "fe80::1", "fd00::1%eth0", "10.0.0.1"]), [true, false, true, false]);
  assertEquals(answers("2001:db8::/33", ["2001:db8:7fff::", "2001:db8:8000::"]), [true, false]);
});

test("::/0 is every IPv6 address and no IPv4 one, on every runtime", () => {
  assertEquals(answers("::/0", ["2001:db8::1", "192.0.2.1", "::ffff:192.0.2.1"]), [true, false, false]);
});

test("an IPv4-mapped entry is its IPv4 address or range", () => {
  assertEquals(answers("::ffff:192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"]), [true, true, false]);
  assertEquals(answers("::ffff:10.0.0.0/104", ["10.9.9.9", "::ffff:10.9.9.9", "11.0.0.1"]), [true, true, false]);
});

test("several entries, and an address that is none", () => {
  const entries = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"];
  const asked = ["192.0.2.9", "2001:db8::9", "198.51.100.7", "198.51.100.8", "localhost", ""];
  assertEquals(answers(entries, asked), [true, true, true, false, false, false]);
});

test("a wrong entry is named", () => {
  const wrong: [string, string][] = [
    ["10.0.0/8", '"10.0.0" is not an IP address'],
    ["010.0.0.1", '"010.0.0.1" is not an IP address'],
    ["example.org", '"example.org" is not an IP address'],
    ["", '"" is not an IP address'],
    ["fe80::1%eth0", '"fe80::1%eth0" is not an IP address'],
    ["10.0.0.0/33", '"33" is not a prefix length: 0 to 32'],
    ["10.0.0.0/", '"" is not a prefix length'],
    ["10.0.0.0/-1", '"-1" is not a prefix length'],
    ["10.0.0.0/8.5", '"8.5" is not a prefix length'],
    ["10.0.0.0/8/8", '"8/8" is not a prefix length'],
    ["fd00::/129", '"129" is not a prefix length: 0 to 128'],
    ["::ffff:10.0.0.0/64", "a range of IPv4-mapped addresses has a prefix length of 96 to 128"],
  ];
  for (const [entry, why] of wrong) {
    assertThrows(() => addressList([entry]), TypeError, `Cannot allow "${entry}": ${why}`);
  }
});
