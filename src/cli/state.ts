/** The folder in which the command keeps what must outlive it. @module */
import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

/** `--state`, else where the XDG base directory specification puts state. */
export function stateFolder(given: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  if (given !== undefined) return given;
  // The specification: a relative path in the variable is to be ignored.
  const xdg = env.XDG_STATE_HOME;
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), ".local", "state"), "h2pool");
}

/**
 * The text of a file that is made once. Several processes may ask at the same time: one of them makes it, all get the
 * same, and nobody ever sees half of it. Readable by its owner only.
 */
export async function onceMade(folder: string, name: string, make: () => string): Promise<string> {
  const path = join(folder, name);
  const found = await readIfThere(path);
  if (found !== undefined) return found;
  await makeFolder(folder);
  const draft = join(folder, `.${name}.${randomBytes(6).toString("hex")}`);
  const text = make();
  await writeFile(draft, text, { mode: 0o600, flag: "wx" });
  try {
    // A mode given to open is cut by the umask only, but Windows and odd file systems ignore it.
    await chmod(draft, 0o600);
    await link(draft, path);
    return text;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return await readFile(path, "utf8");
    // A file system without hard links: the last one wins there, which only matters to a race at the very first start.
    await rename(draft, path);
    return text;
  } finally {
    await rm(draft, { force: true });
  }
}

/** With those above it. `recursive` of Node 22 to 26 spins for ever below a folder that exists and takes none, such as /proc. */
async function makeFolder(folder: string, above: "make" | "is there" = "make"): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EEXIST" && (await stat(folder)).isDirectory()) return;
    const parent = dirname(folder);
    if (code !== "ENOENT" || above === "is there" || parent === folder) throw error;
    await makeFolder(parent);
    await makeFolder(folder, "is there");
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}
