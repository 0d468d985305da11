/**
 * ARCHITECTURE.md as lint rules: which folder may import what, and who may name a runtime. `deno lint` and editors run
 * them (`lint.plugins` in deno.json).
 *
 * @module
 */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

type Rule = Deno.lint.Rule;
type Context = Deno.lint.RuleContext;

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LINES = 600;

/** What each folder of `src` may import from the others. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  adapter: [],
  streams: ["core", "adapter"],
  servers: ["core", "adapter"],
  metrics: ["core"],
  cli: ["core", "adapter", "streams", "servers", "metrics"],
};
/** The library core has no dependencies; the rest may have some from npm. */
const BARE: readonly string[] = ["core", "adapter", "streams"];
/** Transport: the adapter's. */
const TRANSPORT = /^node:(tls|net|https?|http2|dgram)(\/|$)/;
/** The leak check of the tests cannot see what these make; the globals do the same. */
const UNSEEN = /^node:timers(\/|$)/;
const RUNTIME = /^(Deno|Bun)$/;
/** Time and chance are passed in to the core. */
const OUTSIDE = /^(setTimeout|setInterval|setImmediate|performance|crypto|process)$/;

const arrows: Rule = {
  create: (context) => {
    const folder = folderOf(context);
    if (folder === undefined) return {};
    if (!(folder in ARROWS) && folder !== "mod.ts") {
      return { Program: (node) => context.report({ node, message: `src/${folder} is no folder of ARCHITECTURE.md` }) };
    }
    return imports((node, specifier) => {
      if (specifier === "node:timers" && onlyImmediate(node)) return;
      const message = specifier === undefined
        ? "an import that only the run shows"
        : wrongImport(context, folder, specifier);
      if (message) context.report({ node, message });
    });
  },
};

function wrongImport(context: Context, folder: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) {
    if (!specifier.endsWith(".ts")) return `${specifier} does not end in .ts`;
    const target = below(join(context.filename, "..", specifier));
    if (target === undefined) return `${specifier} is outside of src`;
    const allowed = folder === "mod.ts" || target === folder || ARROWS[folder]?.includes(target);
    return allowed ? undefined : `${folder} imports nothing from ${target}`;
  }
  if (/^(@std\/|jsr:|https?:)/.test(specifier)) {
    return `${specifier} cannot be installed from npm: nothing published imports it`;
  }
  if (UNSEEN.test(specifier)) return `${specifier}: the tests' leak check sees the timers of the globals only`;
  if (TRANSPORT.test(specifier)) return folder === "adapter" ? undefined : `only src/adapter imports ${specifier}`;
  if (specifier.startsWith("node:")) {
    return folder === "core" ? `core imports nothing but itself, not ${specifier}` : undefined;
  }
  return BARE.includes(folder) ? `${folder} has no dependencies: ${specifier}` : undefined;
}

function onlyImmediate(node: Deno.lint.Node): boolean {
  const names = node.type === "ImportDeclaration" ? node.specifiers.map(({ local }) => local.name) : [];
  return names.length > 0 && names.every((name) => /^(set|clear)Immediate$/.test(name));
}

const runtimes: Rule = {
  create: (context) => {
    const folder = folderOf(context);
    if (folder === undefined || folder === "adapter") return {};
    const report = (node: Deno.lint.Node, name: string): void =>
      context.report({ node, message: `only src/adapter names a runtime: ${name}` });
    return {
      Identifier: (node) => {
        if (RUNTIME.test(node.name)) report(node, node.name);
      },
      Literal: (node) => {
        if (typeof node.value === "string" && RUNTIME.test(node.value)) report(node, node.value);
      },
      MemberExpression: (node) => {
        const text = context.sourceCode.getText(node);
        if (/^(process|globalThis\.process)\.(versions?|release|isBun)$/.test(text) || text === "navigator.userAgent") {
          report(node, text);
        }
      },
    };
  },
};

const pure: Rule = {
  create: (context) => {
    if (folderOf(context) !== "core") return {};
    const report = (node: Deno.lint.Node, name: string): void =>
      context.report({ node, message: `core gets time and randomness passed in, not ${name}` });
    return {
      CallExpression: (node) => {
        const name = context.sourceCode.getText(node.callee);
        if (OUTSIDE.test(name.split(".")[0] ?? "") || name === "Date.now" || name === "Math.random") report(node, name);
      },
    };
  },
};

const facade: Rule = {
  create: (context) => {
    if (relative(ROOT, context.filename) !== "mod.ts") return {};
    return {
      Program: (program) => {
        for (const node of program.body) {
          const plain = node.type === "ExportAllDeclaration" || (node.type === "ExportNamedDeclaration" && node.source);
          if (!plain) context.report({ node, message: "mod.ts has re-exports, nothing else" });
        }
      },
    };
  },
};

const length: Rule = {
  create: (context) => ({
    Program: (node) => {
      const lines = context.sourceCode.text.trimEnd().split("\n").length;
      if (lines > LINES) context.report({ node, message: `${lines} lines: a file has ${LINES} at most` });
    },
  }),
};

/** The rules. */
const plugin: Deno.lint.Plugin = { name: "boundaries", rules: { arrows, runtimes, pure, facade, length } };
export default plugin;

/** "core", "adapter", ..., "mod.ts" for the one at the top, or undefined for what is not published. */
function folderOf(context: Context): string | undefined {
  const name = relative(ROOT, context.filename);
  if (name === "cli.ts") return "cli";
  return name === "mod.ts" ? name : below(context.filename);
}

function below(path: string): string | undefined {
  const [top, folder] = relative(ROOT, path).split(/[\\/]/);
  return top === "src" ? folder : undefined;
}

function imports(visit: (node: Deno.lint.Node, specifier: string | undefined) => void): Deno.lint.LintVisitor {
  return {
    ImportDeclaration: (node) => visit(node, node.source.value),
    ExportNamedDeclaration: (node) => node.source && visit(node, node.source.value),
    ExportAllDeclaration: (node) => visit(node, node.source.value),
    ImportExpression: (node) => visit(node, text(node.source)),
    TSImportType: (node) =>
      visit(node, node.argument.type === "TSLiteralType" ? text(node.argument.literal) : undefined),
  };
}

function text(node: Deno.lint.Node): string | undefined {
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}
