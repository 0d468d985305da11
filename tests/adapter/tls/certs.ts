import { readFileSync } from "node:fs";
const C = (n: string): string => readFileSync("/tmp/tls/c/" + n, "utf8");
export const ca: string = C("ca.pem"), otherCa: string = C("otherca.pem");
export function pair(name: string): { cert: string; key: string } {
  return { cert: C(name + ".pem"), key: C(name + ".key") };
}
