import { assert, assertEquals, assertRejects } from "@std/assert";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readToken, tokenCheck, tokenHeaders } from "../../src/cli/token.ts";
import { test } from "../support/harness.ts";

const nothing = { file: undefined, text: undefined };

test("token: from the file, the flag, the environment, in this order, without the line's end", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "h2pool-"));
  t.cleanup(() => rm(folder, { recursive: true }));
  const file = join(folder, "token");
  await writeFile(file, "from-file\n");
  const env = { H2POOL_TOKEN: "from-env" };
  assertEquals(await readToken({ ...nothing, file }, env), "from-file");
  assertEquals(await readToken({ ...nothing, text: "from-flag" }, env), "from-flag");
  assertEquals(await readToken(nothing, env), "from-env");
  assertEquals(await readToken(nothing, {}), undefined);
  for (const wrong of ["", "  \n", "two words", "one\ntwo", "ünlaut"]) {
    await writeFile(file, wrong);
    await assertRejects(() => readToken({ ...nothing, file }, {}), Error, "must be one word");
    await assertRejects(() => readToken(nothing, { H2POOL_TOKEN: wrong }), Error, "H2POOL_TOKEN must be one word");
  }
});

test("token: only the token itself passes, in the form of a bearer", () => {
  const check = tokenCheck("s3cret");
  assert(check(tokenHeaders("s3cret")));
  assert(check({ authorization: "bearer  s3cret" }));
  for (
    const shown of [
      "",
      "s3cret",
      "Bearer",
      "Bearer ",
      "Bearer s3cre",
      "Bearer s3cret2",
      "Basic s3cret",
      "Bearer a s3cret",
    ]
  ) {
    assertEquals(check({ authorization: shown }), false, shown);
  }
  assertEquals(check({}), false);
});
