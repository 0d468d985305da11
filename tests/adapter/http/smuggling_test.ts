/**
 * Requests about whose end two servers might disagree, and heads that are none: each is refused, nothing behind it is
 * taken for a request, and the connection ends. RFC 9112, by sections.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { test } from "../../support/harness.ts";
import { exchange, raw, serve, statuses } from "./support.ts";

const H = "Host: x\r\n";
const NEXT = `GET /smuggled HTTP/1.1\r\n${H}\r\n`;
const get = (fields: string): string => `GET / HTTP/1.1\r\n${fields}\r\n`;
const post = (fields: string, body: string): string => `POST / HTTP/1.1\r\n${H}${fields}\r\n${body}`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);

/** The rule, what is sent, and the status. */
const REFUSED: readonly (readonly [rule: string, sent: string, status: number])[] = [
  ["2.2 a line that ends in a bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400],
  ["2.2 a bare LF between fields", "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400],
  ["2.2 a bare LF at the end of the head", "GET / HTTP/1.1\r\nHost: x\r\n\n", 400],
  ["2.2 a bare CR in a value", get(`${H}X: a\rb\r\n`), 400],
  ["2.2 a bare CR between fields", "GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", 400],
  ["2.2 whitespace before the first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400],
  ["2.3 HTTP/0.9", "GET /\r\n\r\n", 505],
  ["2.3 HTTP/2.0 in a request line", `GET / HTTP/2.0\r\n${H}\r\n`, 505],
  ["2.3 HTTP/1.2", `GET / HTTP/1.2\r\n${H}\r\n`, 400],
  ["2.3 a name of the protocol in another case", `GET / hTTP/1.1\r\n${H}\r\n`, 400],
  ["3 tabs in a request line", `GET\t/\tHTTP/1.1\r\n${H}\r\n`, 400],
  ["3.1 a method that is no token", `G(T / HTTP/1.1\r\n${H}\r\n`, 400],
  ["3.2 a space in the target", `GET /a b HTTP/1.1\r\n${H}\r\n`, 400],
  ["3.2 a NUL in the target", `GET /a\0b HTTP/1.1\r\n${H}\r\n`, 400],
  ["3.2 a target of no form", `GET a/b HTTP/1.1\r\n${H}\r\n`, 400],
  ["3.2 an absolute target of another scheme", `GET ftp://a/b HTTP/1.1\r\n${H}\r\n`, 400],
  ["3.2.4 an asterisk without OPTIONS", `GET * HTTP/1.1\r\n${H}\r\n`, 400],
  ["3.2 no Host", get(""), 400],
  ["3.2 two Hosts", get(`${H}Host: y\r\n`), 400],
  ["3.2 the same Host twice", get(`${H}${H}`), 400],
  ["3.2 a Host with a path", get("Host: x/y\r\n"), 400],
  ["3.2 a Host with a user", get("Host: a@b\r\n"), 400],
  ["3.2 a Host with a space", get("Host: a b\r\n"), 400],
  ["3.2 a Host with a port that is none", get("Host: a:b\r\n"), 400],
  ["5.1 a space before the colon", get(`${H}X : y\r\n`), 400],
  ["5.1 a space before the colon of a length", post("Content-Length : 5\r\n", "hello"), 400],
  ["5 a field without a name", get(`${H}: y\r\n`), 400],
  ["5 a line without a colon", get(`${H}Xyz\r\n`), 400],
  ["5 a space in a name", get(`${H}X y: z\r\n`), 400],
  ["5 a NUL in a name", get(`${H}X\0: y\r\n`), 400],
  ["5 a NUL in a value", get(`${H}X: a\0b\r\n`), 400],
  ["5 a control character in a value", get(`${H}X: a\x01b\r\n`), 400],
  ["5.2 a folded line", get(`${H}X: a\r\n b\r\n`), 400],
  ["6.1 a length and chunked", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400],
  ["6.1 chunked and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\n"), 400],
  ["6.1 chunked in HTTP/1.0", `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ["6.1 a coding that is not known", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501],
  ["6.1 chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400],
  ["6.1 chunked in two fields", post("Transfer-Encoding: chunked\r\n".repeat(2), "0\r\n\r\n"), 400],
  [
    "6.1 chunked, and something in another field",
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "0\r\n\r\n"),
    400,
  ],
  ["6.1 chunked with a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), 400],
  ["6.3 chunked is not the last coding", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), 400],
  ["6.3 identity", post("Transfer-Encoding: identity\r\n", "0\r\n\r\n"), 400],
  ["6.3 a coding that only looks like chunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400],
  ["6.3 two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), 400],
  ["6.3 the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400],
  ["6.3 a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), 400],
  ["6.2 a length with a sign", post("Content-Length: +5\r\n", "hello"), 400],
  ["6.2 a negative length", post("Content-Length: -5\r\n", "hello"), 400],
  ["6.2 a length in hex", post("Content-Length: 0x5\r\n", "hello"), 400],
  ["6.2 an empty length", post("Content-Length: \r\n", "hello"), 400],
  ["6.2 a length beyond 64 bits", post("Content-Length: 99999999999999999999\r\n", "hello"), 400],
  ["7.1 a chunk size that is none", chunked("xyz\r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 a chunk size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 a chunk size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 a negative chunk size", chunked("-5\r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 a space before a chunk size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 a space behind a chunk size", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 no chunk size", chunked("\r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 a chunk size beyond 64 bits", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 a bare LF behind a chunk size", chunked("5\nhello\r\n0\r\n\r\n"), 400],
  ["7.1 a bare CR behind a chunk size", chunked("5\rXhello\r\n0\r\n\r\n"), 400],
  ["7.1 a bare LF behind a chunk", chunked("5\r\nhello\n0\r\n\r\n"), 400],
  ["7.1 a chunk that is longer than it says", chunked("5\r\nhello!\r\n0\r\n\r\n"), 400],
  ["7.1.1 a bare LF in an extension", chunked("5;a\nhello\r\n0\r\n\r\n"), 400],
  ["7.1.1 a bare CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), 400],
  ["7.1.2 a length among the trailers", chunked("0\r\nContent-Length: 5\r\n\r\n"), 400],
  ["7.1.2 a request among the trailers", chunked("0\r\nGET /x HTTP/1.1\r\n\r\n"), 400],
  ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01", 400],
  ["an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
];

for (const [rule, sent, status] of REFUSED) {
  test(`refused: ${rule}`, async (t) => {
    const answered: string[] = [];
    const { port, owner } = await serve(t, {
      async fetch(request) {
        answered.push(new URL(request.url).pathname);
        await request.text();
        return new Response("ok");
      },
    });
    const text = await exchange(t, port, sent + NEXT);
    assertEquals(statuses(text), [status]);
    assert(/\r\nconnection: close\r\n/i.test(text), text);
    assert(!answered.includes("/smuggled"), "what came behind was taken for a request");
    // A request whose body turns out to be broken had begun; none whose head is.
    if (!/^(7\.1|a chunk)/.test(rule)) assertEquals(owner.begun, 0);
    assertEquals([owner.outcomes.length, owner.failures.length], [owner.begun, 0]);
  });
}

/** What looks alike and is allowed. */
const TAKEN: readonly (readonly [rule: string, sent: string])[] = [
  ["6.1 chunked in another case", post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")],
  ["7.1.1 a chunk extension", chunked("5;a=b\r\nhello\r\n0\r\n\r\n")],
  ["7.1.2 trailers", chunked("5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")],
  ["6.3 GET with a body", `GET / HTTP/1.1\r\n${H}Content-Length: 5\r\n\r\nhello`],
  ["2.2 empty lines before a request", `\r\n\r\nGET / HTTP/1.1\r\n${H}\r\n`],
  ["3.2 a Host with a port", get("Host: x:8080\r\n")],
  ["3.2 a Host that is an IPv6 address", get("Host: [::1]:80\r\n")],
  ["5 a value with bytes above ASCII", get(`${H}X: \xe4\r\n`)],
];

for (const [rule, sent] of TAKEN) {
  test(`taken: ${rule}`, async (t) => {
    const { port } = await serve(t, { fetch: async (request) => new Response(`<${await request.text()}>`) });
    const last = `GET /last HTTP/1.1\r\n${H}Connection: close\r\n\r\n`;
    assertEquals(statuses(await exchange(t, port, sent + last)), [200, 200]);
  });
}

test("refused: a broken request behind a good one does not cost the good one its answer", async (t) => {
  const { port } = await serve(t, {
    async fetch() {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return new Response("good");
    },
  });
  const text = await exchange(t, port, `${get(H)}GET / HTTP/9.9\r\n\r\n`);
  assertEquals(statuses(text), [200]);
  assert(text.endsWith("good"), text);
});

test("refused: what follows Connection: close is not looked at, and does not cost the answer", async (t) => {
  const { port, owner } = await serve(t, {
    async fetch() {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return new Response("good");
    },
  });
  const text = await exchange(t, port, get(`${H}Connection: close\r\n`) + NEXT);
  assertEquals([statuses(text), owner.begun], [[200], 1]);
});

test("taken: a request to upgrade to HTTP/2 is one like any other, and so is the next one", async (t) => {
  const { port } = await serve(t, { fetch: async (request) => new Response(`<${await request.text()}>`) });
  const client = await raw(t, port);
  client.write(get(`${H}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n`));
  await client.until("<>");
  client.write(post("Content-Length: 5\r\nConnection: close\r\n", "hello"));
  assertEquals(statuses(await client.until("<hello>")), [200, 200]);
});
