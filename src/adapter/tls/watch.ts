/**
 * Files of certificates and keys that change while a pool or a server runs.
 *
 * @module
 */
import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { filesOf, type Material, type ReadMaterial, readMaterial, sameMaterial } from "./material.ts";

/** Certificate and key are written one after the other: what is read too early does not fit together. */
const SETTLE = 500;

/** Who is told. */
export interface TlsWatchOwner {
  /** The files have other contents, which fit together. May throw. */
  changed(read: ReadMaterial): void;
  /** They cannot be watched or read, or are broken: what was read before stays. */
  failed(error: unknown): void;
}

/** Time: a pool's deadlines, for one. */
export interface After {
  after(ms: number, fire: () => void): { cancel(): void };
}

/** Made by {@linkcode watchFiles}. */
export interface TlsWatch {
  /** Other files from now on. */
  replace(material: Material, read: ReadMaterial): void;
  close(): void;
}

/**
 * Watches the files among `material`, or nothing. It is their folders that are watched: whoever renews a certificate mostly puts a new
 * file or link in the place of the old one, which a watch of the file itself would lose. Never keeps the process alive.
 */
export function watchFiles(
  material: Material,
  read: ReadMaterial,
  time: After,
  owner: TlsWatchOwner,
): TlsWatch {
  let watchers: FSWatcher[] = [];
  let timer: { cancel(): void } | undefined;
  let generation = 0;
  let said = "";
  let closed = false;

  function open(): void {
    for (const folder of new Set(filesOf(material).map((file) => dirname(file)))) {
      try {
        // Any name counts: of files behind links, as Kubernetes mounts them, only the link's target changes its name.
        const watcher = watch(folder, { persistent: false }, () => later());
        watcher.on("error", (error) => owner.failed(error));
        watcher.unref?.();
        watchers.push(watcher);
      } catch (error) {
        owner.failed(error);
      }
    }
  }

  function later(): void {
    timer ??= time.after(SETTLE, () => {
      timer = undefined;
      void look();
    });
  }

  async function look(): Promise<void> {
    const asked = generation;
    try {
      const now = await readMaterial(material);
      if (asked !== generation || sameMaterial(now, read)) return;
      owner.changed(now);
      read = now;
      said = "";
    } catch (error) {
      if (asked !== generation || String(error) === said) return;
      // Once, not with everything else that happens in the folder.
      said = String(error);
      owner.failed(error);
    }
  }

  function stop(): void {
    generation++;
    timer?.cancel();
    timer = undefined;
    for (const watcher of watchers) watcher.close();
    watchers = [];
  }

  open();
  return {
    replace(other, otherRead): void {
      if (closed) return;
      stop();
      material = other;
      read = otherRead;
      open();
    },
    close(): void {
      closed = true;
      stop();
    },
  };
}
