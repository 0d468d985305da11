import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ClientPool, type MetricsSource, prometheus } from "../../mod.ts";
import { test } from "../support/harness.ts";
import { world } from "../servers/support.ts";

test("prometheus: one exposition of both kinds of pool", async (t) => {
  const w = world(t);
  const web = w.pool({
    name: "web",
    servers: [{ name: "a", listen: ":8080" }, { name: "b", listen: ":8081", disabled: true }],
    handler: () => new Response("x", { status: 404 }),
  });
  await web.start();
  await w.http.ask(8080).response;
  await w.pass(2_500);
  const streams = new ClientPool({ name: "tunnel", address: "127.0.0.1:1" });
  t.cleanup(() => streams.close());
  const text = prometheus(web, streams);
  for (
    const line of [
      'http_server_state{pool="web",server="a",state="running"} 1',
      'http_server_state{pool="web",server="b",state="disabled"} 1',
      'http_server_health{pool="web",server="a",status="ok"} 1',
      'http_server_uptime_seconds{pool="web",server="a"} 2.5',
      'http_server_requests_total{pool="web",server="a"} 1',
      'http_server_responses_total{pool="web",server="a",class="4xx"} 1',
      'http_server_request_duration_seconds_bucket{pool="web",server="a",le="0.005"} 1',
      'http_server_request_duration_seconds_bucket{pool="web",server="a",le="+Inf"} 1',
      'http_server_request_duration_seconds_sum{pool="web",server="a"} 0.001',
      'http_server_request_duration_seconds_count{pool="web",server="a"} 1',
      'http_server_received_bytes_total{pool="web",server="a"} 100',
      "# TYPE http_server_request_duration_seconds histogram",
      'h2pool_state{pool="tunnel",state="new"} 1',
      'h2pool_capacity{pool="tunnel"} 5',
      "# TYPE h2pool_streams_delivered_total counter",
    ]
  ) assertStringIncludes(text, `${line}\n`);
});

test("prometheus: each family once, its series together, whatever the pools", (t) => {
  const w = world(t);
  const pools = ["x", "y"].map((name) =>
    w.pool({ name, servers: [{ name: "a", listen: ":1" }, { name: "b", listen: ":2" }] })
  );
  const text = prometheus(...pools);
  assert(text.endsWith("\n") && !text.includes("\n\n"));
  const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  assertEquals(families.length, new Set(families).size);
  let current = "";
  const series = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    current = /^# TYPE (\S+)/.exec(line)?.[1] ?? current;
    if (line.startsWith("#")) continue;
    assert(line.startsWith(current), line);
    assert(/^[a-z_0-9]+\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+\} [-+\d.e]+$/.test(line), line);
    const name = line.slice(0, line.lastIndexOf(" "));
    assert(!series.has(name), `twice: ${name}`);
    series.add(name);
  }
  assertEquals(prometheus(), "");
});

test("prometheus: names are escaped", () => {
  const source: MetricsSource = {
    stats: () => ({
      name: 'a "b" \\ c\nd',
      state: "ready",
      active: 1,
      inUse: 0,
      waiting: 0,
      capacity: 1,
      interval: 0,
      connections: 1,
      reconnects: 0,
      created: 0,
      delivered: 0,
      evicted: 0,
      rejected: 0,
      failed: 0,
      errors: 0,
      bytesIn: 1e21,
      bytesOut: 0,
      rtt: 1.5,
    }),
  };
  const text = prometheus(source);
  assertStringIncludes(text, 'h2pool_streams_idle{pool="a \\"b\\" \\\\ c\\nd"} 1\n');
  assertStringIncludes(text, "h2pool_rtt_seconds{");
  assertStringIncludes(text, "} 1e+21\n");
});
