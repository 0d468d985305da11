/** Files that change while they are served. @module */
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";

/** Editors write a file in several steps. Milliseconds. */
const SETTLE = 200;

/** What is watched. */
export interface Watching {
  /** These files from now on. */
  files(list: Iterable<string>): void;
  close(): void;
}

/**
 * Calls `changed` when one of the files has changed, once for all changes of a moment. It is their folders that are watched:
 * most editors put a new file in the place of the old one, which a watch of the file itself would lose.
 */
export function watchFiles(changed: () => void, failed: (error: unknown) => void): Watching {
  const folders = new Map<string, { readonly watcher: FSWatcher; names: Set<string> }>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLE);
  };
  const open = (folder: string): void => {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null || folders.get(folder)?.names.has(String(name)) === true) later();
      });
      watcher.on("error", failed);
      folders.set(folder, { watcher, names: new Set() });
    } catch (error) {
      failed(error);
    }
  };
  return {
    files(list) {
      const wanted = new Map<string, Set<string>>();
      for (const file of list) {
        const path = resolve(file);
        const folder = dirname(path);
        wanted.set(folder, (wanted.get(folder) ?? new Set()).add(basename(path)));
      }
      for (const [folder, { watcher }] of folders) {
        if (wanted.has(folder)) continue;
        watcher.close();
        folders.delete(folder);
      }
      for (const [folder, names] of wanted) {
        if (!folders.has(folder)) open(folder);
        const entry = folders.get(folder);
        if (entry !== undefined) entry.names = names;
      }
    },
    close() {
      clearTimeout(timer);
      for (const { watcher } of folders.values()) watcher.close();
      folders.clear();
    },
  };
}
