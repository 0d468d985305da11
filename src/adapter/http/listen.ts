/**
 * HTTP listeners: a port, and the services that its connections belong to: the present one, and those before it whose
 * connections are not gone yet. The port accepts TCP; TLS, HTTP/1.1 and HTTP/2 get their sockets from it, so that a
 * service can be replaced while the port stays open.
 *
 * @module
 */
import process from "node:process";
import type { HttpAdapter, HttpListener, HttpListenOptions, HttpService, Unsupported } from "./contract.ts";
import { type Generation, generation } from "./generation.ts";
import { openPort } from "./port.ts";

/** HTTP listeners on this runtime. */
export const httpAdapter: HttpAdapter = { unsupported, listen };

function unsupported({ reusePort }: Pick<HttpListenOptions, "reusePort">): readonly Unsupported[] {
  if (!reusePort || !/^(win32|darwin)$/.test(process.platform)) return [];
  return [{ option: "reusePort", problem: `The runtimes do not offer SO_REUSEPORT on ${process.platform}` }];
}

async function listen(options: HttpListenOptions): Promise<HttpListener> {
  const { clock } = options;
  const generations = new Set<Generation>();
  // Of generations that are over.
  let bytesIn = 0, bytesOut = 0;
  let freed: Promise<void> | undefined;
  let resolveClosed = (): void => {};
  const closed = new Promise<void>((resolve) => resolveClosed = resolve);
  let current = start(options);

  function start(service: HttpService): Generation {
    // A connection that outlives its service may bring one more request. It is for whoever is there now, unless TLS would
    // not have let it in.
    const owner = (): Generation["owner"] =>
      current === made || !alike(current.service, made.service) ? made.owner : current.owner;
    const made = generation({ service, clock, owner, left });
    generations.add(made);
    return made;
  }

  function left(): void {
    for (const one of generations) {
      if (one === current || !one.over) continue;
      generations.delete(one);
      bytesIn += one.bytesIn;
      bytesOut += one.bytesOut;
    }
    if (freed !== undefined && [...generations].every(({ over }) => over)) resolveClosed();
  }

  const sum = (what: "connections" | "inFlight" | "bytesIn" | "bytesOut"): number => {
    let n = 0;
    for (const one of generations) n += one[what];
    return n;
  };

  const port = await openPort({
    hostname: options.hostname,
    port: options.port,
    reusePort: options.reusePort,
    accept: (socket) => current.accept(socket),
    failed: (error) => current.owner.failed(error),
  });

  return {
    addr: port.addr,
    closed,
    get connections() {
      return sum("connections");
    },
    get inFlight() {
      return sum("inFlight");
    },
    get bytesIn() {
      return bytesIn + sum("bytesIn");
    },
    get bytesOut() {
      return bytesOut + sum("bytesOut");
    },
    // deno-lint-ignore require-await -- a broken service is a rejection
    async replace(service) {
      if (freed !== undefined) throw new Error("The listener is closed");
      const old = current;
      current = start(service);
      old.leave(alike(old.service, service) ? "soon" : "now");
      left();
    },
    renew: (identity) => current.renew(identity),
    close() {
      if (freed === undefined) {
        freed = port.close();
        for (const one of [...generations]) one.leave("now");
        left();
      }
      return freed;
    },
    abort() {
      let n = 0;
      for (const one of [...generations]) n += one.abort();
      return n;
    },
    ref: port.ref,
    unref: port.unref,
  };
}

/** Whether a connection that was let in by the one would have been let in by the other as far as TLS goes. */
function alike(a: HttpService, b: HttpService): boolean {
  return (a.tls === undefined) === (b.tls === undefined) && String(a.tls?.clientCa) === String(b.tls?.clientCa);
}
