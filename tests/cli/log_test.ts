import { assert, assertEquals, assertMatch } from "@std/assert";
import { createLog, type LogOptions } from "../../src/cli/log.ts";
import { test } from "../support/harness.ts";
import { fakeIo } from "./io.ts";

function setUp(options: Partial<LogOptions> & { columns?: number; rows?: number } = {}) {
  const { columns, rows = 24, ...rest } = options;
  const io = fakeIo({}, columns === undefined ? undefined : { columns, rows });
  let time = Date.UTC(2026, 10, 20, 10, 11, 12);
  const log = createLog({ output: io.stderr, verbose: false, color: true, now: () => new Date(time), ...rest });
  return { log, text: () => io.err.join(""), pass: (ms: number) => void (time += ms) };
}

test("log: away from a terminal plain lines with date and level, no escape sequence, no status line", () => {
  const { log, text } = setUp();
  const end = log.status(() => "status");
  log.info("one", { a: 1, b: undefined, why: new Error("x y") });
  log.warn("two");
  log.debug("three");
  end();
  assertEquals(text(), '2026-11-20T10:11:12.000Z info  one a=1 why="x y"\n2026-11-20T10:11:12.000Z warn  two\n');
});

test("log: on a terminal the status line stays below the log, cut to its width, and leaves no trace", () => {
  const { log, text } = setUp({ columns: 20, color: false });
  const end = log.status(() => "a status that is too long");
  log.info("hello");
  end();
  const shown = screen(text());
  assertEquals(shown, ["10:11:12 hello", ""]);
  assert(text().includes("\ra status that is to\r") || text().includes("\ra status that is to"));
  assert(!text().includes("\x1b"));
  assert(!text().includes("too long"));
});

test("log: colour only where it is wanted", () => {
  const colored = setUp({ columns: 80 });
  colored.log.warn("careful");
  assertEquals(colored.text(), "\x1b[33m10:11:12 careful\x1b[0m\n");
  const plain = setUp({ columns: 80, color: false });
  plain.log.warn("careful");
  assertEquals(plain.text(), "10:11:12 careful\n");
});

test("log: --verbose shows debug lines", () => {
  const { log, text } = setUp({ verbose: true });
  log.debug("detail");
  assertMatch(text(), /debug detail\n/);
});

test("log: a warning again and again is counted, not written", () => {
  const { log, text, pass } = setUp();
  for (let i = 0; i < 1_000; i++) log.warn("service down");
  log.warn("something else");
  pass(6_000);
  log.warn("service down");
  assertEquals(text().split("\n").map((line) => line.slice(31)), [
    "service down",
    "something else",
    "service down (and 999 times before)",
    "",
  ]);
});

test("log: what a peer says cannot move the cursor or write a line of its own", () => {
  const { log, text } = setUp();
  log.info("why: a\nb\r\x1b[2Jc\x9b");
  assertMatch(text(), /why: a b \[2Jc \n$/);
});

/** What a terminal shows after carriage returns. */
test("log: a table stays below the log, grows and shrinks, is cut to the terminal, and leaves no trace", () => {
  const { log, text } = setUp({ columns: 30, rows: 6, color: false });
  let rows = ["head", "a row", "b"];
  const end = log.status(() => rows.join("\n"));
  log.info("one");
  assertEquals(terminal(text()), ["10:11:12 one", "head", "a row", "b"]);
  rows = ["longer head", "a"];
  log.info("two");
  assertEquals(terminal(text()), ["10:11:12 one", "10:11:12 two", "longer head", "a"]);
  rows = Array.from({ length: 50 }, (_, i) => `row ${i}`);
  log.info("three");
  assertEquals(terminal(text()).slice(2), ["10:11:12 three", "row 0", "row 1", "row 2", "row 3", "... and 46 more"]);
  rows = ["x"];
  log.info("four");
  end();
  log.info("five");
  assertEquals(terminal(text()).slice(2), ["10:11:12 three", "10:11:12 four", "10:11:12 five"]);
});

/** What a terminal shows that knows lines, carriage returns and the way up. */
function terminal(text: string): string[] {
  const lines: string[][] = [[]];
  let y = 0, x = 0;
  // deno-lint-ignore no-control-regex
  for (const [part, up] of text.matchAll(/\x1b\[(\d+)A|[\s\S]/g)) {
    if (up !== undefined) y = Math.max(0, y - Number(up));
    else if (part === "\r") x = 0;
    else if (part === "\n") {
      x = 0;
      lines[++y] ??= [];
    } else lines[y]![x++] = part;
  }
  const shown = lines.map((line) => line.join("").trimEnd());
  while (shown.at(-1) === "") shown.pop();
  return shown;
}

function screen(text: string): string[] {
  return text.split("\n").map((line) => {
    let cells: string[] = [];
    for (const part of line.split("\r")) cells = [...part, ...cells.slice(part.length)];
    return cells.join("").trimEnd();
  });
}
