/** TLS for both sides. @module */
import { readFileSync } from "node:fs";

const folder = "/tmp/hpack/c";
export const caFile = `${folder}/ca.pem`;
export const certFile = `${folder}/cert.pem`;
export const keyFile = `${folder}/key.pem`;
export const ca: string = readFileSync(caFile, "utf8");
export const identity = { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
