/** Stream pools over HTTP/2. @module */
export type { NetAddr, PeerCertificate, TlsState } from "./src/adapter/contract.ts";
