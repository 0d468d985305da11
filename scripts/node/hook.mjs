// `node --import` this: Node finds the stand-ins for the JSR packages that deno.json links and tsconfig.json maps.
import { registerHooks } from "node:module";

const std = new URL("../std/", import.meta.url);

registerHooks({
  resolve(specifier, context, next) {
    const name = /^@std\/([a-z]+)(?:\/.*)?$/.exec(specifier)?.[1];
    return name
      ? { url: new URL(`${name}/mod.ts`, std).href, format: "module-typescript", shortCircuit: true }
      : next(specifier, context);
  },
});
