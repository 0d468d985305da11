/** JUnit reports, as Deno, Bun and Node write them. @module */

/** One test of a report. */
export interface Case {
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly text: string;
}

const TAG = /<(testcase|testsuites|testsuite)\b((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>/g;

/** The tests of a report. Throws unless the report is whole. */
export function parseReport(xml: string): Case[] {
  if (!/<\/testsuites>\s*$/.test(xml)) throw new Error("The report has no end");
  const cases: Case[] = [];
  let declared = Number(/<!-- tests (\d+) -->/.exec(xml)?.[1] ?? NaN);
  for (const { 0: tag, 1: element, 2: attributes = "", 3: empty, index } of xml.matchAll(TAG)) {
    if (element === "testsuites" && Number.isNaN(declared)) declared = Number(attribute(attributes, "tests"));
    if (element !== "testcase") continue;
    const start = index + tag.length;
    const body = empty ? "" : xml.slice(start, xml.indexOf("</testcase>", start));
    cases.push(read(attribute(attributes, "name"), body));
  }
  if (cases.length !== declared) throw new Error(`The report has ${cases.length} tests and declares ${declared}`);
  // Node does not fail the run for what a test left to happen after its end, but says so in a comment.
  for (const [, text = ""] of xml.matchAll(/<!-- (Error: [^]*?) -->/g)) {
    cases.push({ name: "after a test", result: "failed", text: decode(text) });
  }
  return cases;
}

function read(name: string, body: string): Case {
  const failure = /<(failure|error)\b((?:[^>"']|"[^"]*"|'[^']*')*?)(?:\/>|>([^]*?)<\/\1>)/.exec(body);
  if (failure) {
    const text = decode(failure[3] ?? "").trim();
    return { name, result: "failed", text: text || attribute(failure[2] ?? "", "message") || "no message" };
  }
  const skipped = /<skipped\b((?:[^>"']|"[^"]*"|'[^']*')*)>/.exec(body);
  return skipped
    ? { name, result: "skipped", text: attribute(skipped[1] ?? "", "message") }
    : { name, result: "passed", text: "" };
}

function attribute(attributes: string, name: string): string {
  const match = new RegExp(`(?:^|\\s)${name}=(?:"([^"]*)"|'([^']*)')`).exec(attributes);
  // Node encodes the ampersands of its own entities once more.
  return decode(decode(match?.[1] ?? match?.[2] ?? ""));
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return ENTITIES[name] ?? whole;
  });
}
