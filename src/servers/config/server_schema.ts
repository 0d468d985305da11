/**
 * The schema of a server's config.
 *
 * @module
 */
import { parseListen } from "./address.ts";
import { is, type Schema } from "./schema.ts";

/** The protocols there are. */
export const PROTOCOLS = ["h2", "h1"] as const;

const MAX_31 = 0x7fff_ffff;

/** `HttpServerConfig`, field by field. */
export const SERVER: Schema & { readonly kind: "object" } = is.object("One server.", {
  name: is.text("Unique name. Default: the listen address.", {
    says: "a text of at least one character, on one line",
    pattern: "^[^\\u0000-\\u001f\\u007f]+$",
  }),
  listen: is.text(
    "Where it listens: 127.0.0.1:8080, [::1]:8080, localhost:8080, :8080; port 0 is a free one, 127.0.0.1:8000-8100 the first free one of these.",
    { says: "an address such as 127.0.0.1:8080, [::1]:8080, localhost:8080 or :8080", check: whyNot(parseListen) },
  ),
  expose: is.text("The URL under which it is reached. https demands a certificate.", {
    says: "an http or https URL",
    pattern: "^[Hh][Tt][Tt][Pp][Ss]?://",
    check: exposeProblem,
  }),
  handlerKey: is.text("Which of the handlers answers."),
  disabled: is.flag("Neither started nor restarted."),
  tls: is.object("Certificate and key; without, plain HTTP.", {
    cert: is.pem("The certificate (PEM), followed by those that lead to its authority."),
    key: is.pem("Its private key (PEM), not encrypted."),
    certFile: is.text("A file with the certificate, watched for changes."),
    keyFile: is.text("A file with the key, watched for changes."),
    clientCa: is.pem("Ask for a client certificate signed by this authority (PEM), refuse without."),
    clientCaFile: is.text("A file with the clients' authority."),
    inheritDefault: is.flag("What is not given here is the pool's."),
  }),
  tlsMandatory: is.flag("Refuse to start without a certificate."),
  protocols: is.choices("In the order of preference. Default: h2, h1 with a certificate, h1 without.", PROTOCOLS),
  readTimeout: is.duration("For a whole request with its body; 0: no limit.", 0),
  readHeaderTimeout: is.duration("For the head of a request; 0: no limit.", "10s"),
  writeTimeout: is.duration("From the end of a request's head to the end of its response; 0: no limit.", 0),
  idleTimeout: is.duration("Of a connection without a request; 0: no limit.", "2m"),
  maxHeaderBytes: is.integer("Of a request's head, bytes.", { min: 1_024, max: 16_777_216, default: 65_536 }),
  maxConcurrentStreams: is.integer("HTTP/2: requests of one connection at once.", {
    min: 1,
    max: MAX_31,
    default: 250,
  }),
  maxReadFrameSize: is.integer("HTTP/2: largest frame accepted, bytes.", {
    min: 16_384,
    max: 16_777_215,
    default: 65_536,
  }),
  maxUploadBufferPerConnection: is.integer("HTTP/2: bytes that the requests of one connection may hold unread.", {
    min: 65_535,
    max: MAX_31,
    default: 16_777_216,
  }),
  maxUploadBufferPerStream: is.integer("HTTP/2: bytes that one request may hold unread.", {
    min: 1,
    max: MAX_31,
    default: 1_048_576,
  }),
  disableKeepAlive: is.flag("HTTP/1.1: one request for each connection."),
  reusePort: is.flag("Several processes or servers on one port (SO_REUSEPORT), all of which say so."),
  health: is.object("Check of the running server.", {
    path: is.text("Ask for this by HTTP; a status from 200 to 399 is well. Without: a TCP connection.", {
      says: "a path that begins with a slash",
      pattern: "^/[!-~]*$",
    }),
    interval: is.duration("Between two checks.", "10s"),
    timeout: is.duration("For one check.", "5s"),
    rise: is.integer("Checks in a row that go well until it is ok again.", { min: 1, max: 1_000, default: 2 }),
    fall: is.integer("Checks in a row that fail until it is ko.", { min: 1, max: 1_000, default: 3 }),
    restart: is.flag("Restart it when it is ko, with a growing pause between two tries."),
  }),
  module: is.text("The module with the handler, relative to this file."),
  export: is.text("The module's export.", { default: "default" }),
  static: is.text("A folder whose files are served, relative to this file."),
  handler: is.handler("Answers every request."),
  handlers: is.handlers("Handlers by key."),
}, ["listen"]) as Schema & { readonly kind: "object" };

/** What `parse` says against a text, after the colon of its message. */
function whyNot(parse: (text: string) => unknown): (text: string) => string | undefined {
  return (text) => {
    try {
      parse(text);
      return undefined;
    } catch (error) {
      return (error as Error).message.replace(/^Cannot read the address ".*": /, "");
    }
  };
}

function exposeProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return "this is not an http or https URL";
  if (url.username !== "" || url.password !== "") return "a URL with a user is not one to show";
  return undefined;
}
