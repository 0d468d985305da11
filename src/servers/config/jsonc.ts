/**
 * JSON with comments and trailing commas, as editors write it.
 *
 * @module
 */

/** Nesting beyond this is no config. */
const DEEPEST = 100;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Reads it. Throws a `SyntaxError` with line and column; a key that is given twice is an error, too. */
export function parseJsonc(text: string): unknown {
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;

  const value = parse(0);
  space();
  if (at < text.length) throw wrong("expected the end");
  return value;

  function parse(depth: number): unknown {
    space();
    if (depth > DEEPEST) throw wrong("nested too deeply");
    const c = text[at];
    if (c === "{") return object(depth);
    if (c === "[") return array(depth);
    if (c === '"') return string();
    const word = /[-+\w.]*/y;
    word.lastIndex = at;
    const found = word.exec(text)?.[0] ?? "";
    const known = found === "true" ? true : found === "false" ? false : found === "null" ? null : undefined;
    if (known === undefined && !/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(found)) {
      throw wrong("expected a value");
    }
    at += found.length;
    return known === undefined ? Number(found) : known;
  }

  function object(depth: number): object {
    const result: Record<string, unknown> = {};
    at++;
    for (;;) {
      space();
      if (take("}")) return result;
      if (text[at] !== '"') throw wrong('expected a key in double quotes, or "}"');
      const start = at;
      const key = string();
      if (Object.hasOwn(result, key)) throw wrong(`the key ${JSON.stringify(key)} is given twice`, start);
      space();
      if (!take(":")) throw wrong('expected ":"');
      // Not by assignment: "__proto__" is a key like any other.
      Object.defineProperty(result, key, {
        value: parse(depth + 1),
        enumerable: true,
        writable: true,
        configurable: true,
      });
      space();
      if (!take(",") && text[at] !== "}") throw wrong('expected "," or "}"');
    }
  }

  function array(depth: number): unknown[] {
    const result: unknown[] = [];
    at++;
    for (;;) {
      space();
      if (take("]")) return result;
      result.push(parse(depth + 1));
      space();
      if (!take(",") && text[at] !== "]") throw wrong('expected "," or "]"');
    }
  }

  function string(): string {
    const start = at++;
    let result = "";
    for (;;) {
      const c = text[at++];
      if (c === undefined || c < " ") throw wrong("a text without its end", start);
      if (c === '"') return result;
      if (c !== "\\") {
        result += c;
        continue;
      }
      const escaped = text[at++] ?? "";
      const hex = escaped === "u" ? /^[0-9a-fA-F]{4}/.exec(text.slice(at, at + 4))?.[0] : undefined;
      if (hex !== undefined) {
        result += String.fromCharCode(Number.parseInt(hex, 16));
        at += 4;
      } else if (Object.hasOwn(ESCAPES, escaped)) result += ESCAPES[escaped];
      else throw wrong(`"\\${escaped}" is no escape`, at - 2);
    }
  }

  function space(): void {
    const blank = /(?:[ \t\r\n]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
    blank.lastIndex = at;
    at += blank.exec(text)?.[0].length ?? 0;
    if (text.startsWith("/*", at)) throw wrong("a comment without its end");
  }

  function take(c: string): boolean {
    if (text[at] !== c) return false;
    at++;
    return true;
  }

  function wrong(what: string, where = at): SyntaxError {
    const before = text.slice(0, where).split("\n");
    return new SyntaxError(`line ${before.length}, column ${(before.at(-1) ?? "").length + 1}: ${what}`);
  }
}
