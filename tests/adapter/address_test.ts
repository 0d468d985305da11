import { assertEquals, assertThrows } from "@std/assert";
import { joinAddress, plainAddress, splitAddress } from "../../src/adapter/address.ts";
import { test } from "../support/harness.ts";

test("splitAddress reads host:port, [v6]:port and :port", () => {
  assertEquals(splitAddress("example.org:443"), { hostname: "example.org", port: 443 });
  assertEquals(splitAddress("127.0.0.1:0"), { hostname: "127.0.0.1", port: 0 });
  assertEquals(splitAddress("[::1]:8443"), { hostname: "::1", port: 8443 });
  assertEquals(splitAddress("[fe80::1%eth0]:1"), { hostname: "fe80::1%eth0", port: 1 });
  assertEquals(splitAddress(":65535"), { hostname: "", port: 65_535 });
});

test("splitAddress names what is wrong", () => {
  const wrong: [string, string][] = [
    ["example.org", "the port is missing"],
    ["example.org:", "the port is missing"],
    ["", "the port is missing"],
    ["[::1]", "the port is missing"],
    ["example.org:65536", '"65536" is not a port'],
    ["example.org:http", '"http" is not a port'],
    ["example.org:-1", '"-1" is not a port'],
    ["example.org:1e3", '"1e3" is not a port'],
    ["::1", "an IPv6 address needs brackets and a port, as in [::1]:443"],
    ["x:1:2", "an IPv6 address needs brackets"],
    ["[::1:8443", "an IPv6 address needs brackets"],
    ["[example.org]:1", '"example.org" is not an IPv6 address'],
    ["[]:1", '"" is not an IPv6 address'],
    ["https://example.org:443", "write host:port, not a URL"],
    ["exam ple.org:443", '"exam ple.org" is not a host name'],
    ["user@example.org:443", '"user@example.org" is not a host name'],
  ];
  for (const [text, why] of wrong) {
    assertThrows(() => splitAddress(text), TypeError, `Cannot read the address "${text}": ${why}`);
  }
});

test("joinAddress is its opposite", () => {
  for (const text of ["example.org:443", "[::1]:8443", ":0"]) assertEquals(joinAddress(splitAddress(text)), text);
});

test("plainAddress turns IPv4-mapped addresses into IPv4, drops zones, and leaves the rest", () => {
  assertEquals(plainAddress("::ffff:10.1.2.3"), "10.1.2.3");
  assertEquals(plainAddress("::FFFF:0a01:203"), "10.1.2.3");
  assertEquals(plainAddress("fe80::1%eth0"), "fe80::1");
  assertEquals(plainAddress("::1"), "::1");
  assertEquals(plainAddress("64:ff9b::10.1.2.3"), "64:ff9b::10.1.2.3");
  assertEquals(plainAddress("10.1.2.3"), "10.1.2.3");
});
