import { assertEquals } from "@std/assert";
import { mark, statements } from "../../scripts/matrix/coverage.ts";
import { test } from "../support/harness.ts";

test("coverage: declarations count where something is evaluated", () => {
  const program = {
    type: "Program",
    start: 0,
    body: [
      { type: "ImportDeclaration", start: 0 },
      {
        type: "FunctionDeclaration",
        start: 10,
        body: { type: "BlockStatement", start: 20, body: [{ type: "ReturnStatement", start: 30 }] },
      },
      {
        type: "VariableDeclaration",
        start: 40,
        declarations: [
          { type: "VariableDeclarator", start: 41, init: null },
          {
            type: "VariableDeclarator",
            start: 42,
            init: { type: "ArrowFunctionExpression", start: 43, body: { type: "Identifier", start: 44 } },
          },
        ],
      },
      { type: "EmptyStatement", start: 50 },
      { type: "ExpressionStatement", start: 60 },
    ],
  };
  assertEquals(statements(program), [30, 43, 44, 60]);
});

test("coverage: the innermost range around a statement decides, and any process may have run it", () => {
  const range = (startOffset: number, endOffset: number, count: number) => ({ startOffset, endOffset, count });
  const starts = [1, 12, 15, 25, 40];
  const hit = new Uint8Array(starts.length);
  const script = {
    url: "",
    functions: [{ ranges: [range(0, 50, 1)] }, { ranges: [range(10, 30, 2), range(14, 20, 0)] }, {
      ranges: [range(35, 45, 0)],
    }],
  };
  mark(script, starts, hit);
  assertEquals([...hit], [1, 1, 0, 1, 0]);
  mark({ url: "", functions: [{ ranges: [range(0, 50, 0), range(35, 45, 1)] }] }, starts, hit);
  assertEquals([...hit], [1, 1, 0, 1, 1]);
});
