/** What the programs share. @module */
export * as certs from "../../../support/certs.ts";
export * as raw from "../../contract/raw_peer.ts";
