/**
 * The certificate of one server over its whole life: given, renewed, watched.
 *
 * @module
 */
import type { ServerTls } from "../adapter/tls/material.ts";
import type { TlsWatch } from "../adapter/tls/watch.ts";
import {
  type Certificate,
  certificateSources,
  identity,
  readCertificate,
  renewedCertificate,
  tlsError,
  watchCertificate,
} from "./certificate.ts";
import { ServerError } from "./errors.ts";
import type { HttpServerConfig } from "./options.ts";
import { same } from "./same.ts";
import type { ServerCore } from "./server_core.ts";
import type { ServerSettings } from "./settings.ts";

/** What `server.renewCertificate` brought, and what becomes of it. */
export class ServerCertificates {
  readonly #core: ServerCore;
  #renewed: { readonly tls: NonNullable<HttpServerConfig["tls"]>; readonly certificate: Certificate } | undefined;
  #watch: TlsWatch | undefined;

  constructor(core: ServerCore) {
    this.#core = core;
  }

  /** The `tls` of now, where it is not that of the config. */
  get renewed(): HttpServerConfig["tls"] {
    return this.#renewed?.tls;
  }

  /** Whether it will have a certificate, as far as that is known before it starts. */
  get secure(): boolean {
    try {
      return this.#renewed !== undefined || this.#sources() !== undefined;
    } catch {
      // It must have one and has none: it will not start, and never speak plain HTTP.
      return true;
    }
  }

  /** Reads the certificate for these settings: a renewed one survives while the config says the same. */
  async read(settings: ServerSettings, shared: ServerTls | undefined): Promise<Certificate | undefined> {
    const keeps = this.#renewed !== undefined && same(settings.given.tls, this.#core.settings.given.tls);
    const material = keeps ? this.#renewed!.certificate.material : certificateSources(settings, shared);
    return material === undefined ? undefined : await readCertificate(settings.name, material);
  }

  /** The server gets other settings. */
  settle(settings: ServerSettings): void {
    if (!same(settings.given.tls, this.#core.settings.given.tls)) this.#renewed = undefined;
  }

  /** @throws ServerError `ERR_SERVER_TLS`; the old one stays then */
  renew(tls: ServerTls): void {
    const { running, name, config } = this.#core;
    if (running === undefined ? !this.secure : running.service.tls === undefined) {
      const message = `Server "${name}" speaks plain HTTP: there is no certificate to renew`;
      throw new ServerError("ERR_SERVER_TLS", name, message);
    }
    const before = running?.certificate?.material ?? this.#renewed?.certificate.material ?? this.#known();
    const certificate = renewedCertificate(name, tls, before);
    this.#install(certificate);
    this.#renewed = { tls: { ...config.tls, ...pieces(tls), inheritDefault: false }, certificate };
    this.#watch?.replace(certificate.material, certificate.read);
  }

  /** The files of the running server's certificate are watched. */
  watch(): void {
    this.unwatch();
    const certificate = this.#core.running?.certificate;
    if (certificate === undefined) return;
    this.#watch = watchCertificate(certificate, this.#core.environment.clock, {
      changed: (read) =>
        this.#install({ material: this.#core.running?.certificate?.material ?? certificate.material, read }),
      failed: (error) => this.#core.report(tlsError(this.#core.name, error)),
    });
  }

  unwatch(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #install(certificate: Certificate): void {
    const { running, name } = this.#core;
    if (running === undefined) return;
    try {
      running.listener.renew(identity(certificate)!);
    } catch (error) {
      throw tlsError(name, error);
    }
    running.certificate = certificate;
    this.#core.log("info", "certificate renewed", {});
  }

  #sources(): Certificate["material"] | undefined {
    return certificateSources(this.#core.settings, this.#core.shared.tls);
  }

  #known(): Certificate["material"] | undefined {
    try {
      return this.#sources();
    } catch {
      return undefined;
    }
  }
}

// A renewal gives a piece as text or as a file; the other form of before must not stay beside it.
function pieces(tls: ServerTls): ServerTls {
  const given: ServerTls & Record<string, unknown> = {};
  for (const part of ["cert", "key", "clientCa"] as const) {
    if (tls[part] === undefined && tls[`${part}File`] === undefined) continue;
    given[part] = tls[part];
    given[`${part}File`] = tls[`${part}File`];
  }
  return given;
}
