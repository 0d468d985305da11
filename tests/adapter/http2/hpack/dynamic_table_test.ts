/** The dynamic table of RFC 7541 sections 2.3.2 and 4. @module */
import { assertEquals } from "@std/assert";
import { DynamicTable } from "../../../../src/adapter/http2/hpack/dynamic_table.ts";
import { test } from "../../../support/harness.ts";
import { random } from "./support.ts";

function contents(table: DynamicTable): string[] {
  return Array.from({ length: table.length }, (_, age) => `${table.nameAt(age)}=${table.valueAt(age)}`);
}

test("2.3.2 the newest field comes first", () => {
  const table = new DynamicTable(4_096);
  table.insert("a", "1");
  table.insert("b", "2");
  assertEquals(contents(table), ["b=2", "a=1"]);
});

test("4.1 a field costs its octets and 32", () => {
  const table = new DynamicTable(4_096);
  table.insert("name", "value");
  assertEquals(table.size, 41);
});

test("4.3 and 4.4 the oldest go first", () => {
  const table = new DynamicTable(102);
  for (const name of ["a", "b", "c", "d"]) table.insert(name, "1");
  assertEquals(contents(table), ["d=1", "c=1", "b=1"]);
  table.resize(101);
  assertEquals(contents(table), ["d=1", "c=1"]);
  table.insert("e", "x".repeat(80));
  assertEquals([table.length, table.size], [0, 0]);
});

test("a model of the table agrees over random insertions and sizes", () => {
  const next = random(2);
  const table = new DynamicTable(4_096);
  let model: [string, string][] = [];
  let limit = 4_096;
  const size = () => model.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  for (let i = 0; i < 5_000; i++) {
    if (next(50) === 0) {
      limit = next(6_000);
      table.resize(limit);
    } else {
      const field: [string, string] = [`n${next(1_000)}`, "v".repeat(next(next(10) === 0 ? 3_000 : 20))];
      table.insert(...field);
      model.unshift(field);
    }
    while (size() > limit) model.pop();
    if (model.length === 0) model = [];
    assertEquals(table.size, size());
    if (i % 20 === 0) assertEquals(contents(table), model.map(([name, value]) => `${name}=${value}`));
  }
});
