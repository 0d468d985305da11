import { performServerHandshake } from "node:http2";
import { Duplex } from "node:stream";
import { Buffer } from "node:buffer";
const log = (...a: any[]) => console.log(...a);
class W extends Duplex {
  _read() {}
  _write(c: any, e: any, cb: any) {
    log("write", Buffer.from(c).toString("hex").slice(0, 120));
    cb();
  }
  _final(cb: any) {
    log("final");
    cb();
  }
  _destroy(e: any, cb: any) {
    log("destroy", e?.message);
    cb(null);
  }
}
const w = new W();
w.on("error", () => {});
const s = performServerHandshake(w as any, { settings: { maxFrameSize: 0xffffff } });
s.on("error", (e: any) => log("error", e.message, e.code, e.errno));
s.on("close", () => log("close"));
s.on("goaway", (c: any) => log("goaway", c));
s.on("stream", (st: any) => {
  log("stream");
  st.on("error", () => {});
});
w.push(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from("000000040000000000", "hex")]));
setTimeout(() => {
  w.push(Buffer.from("000007010400000003ffffffffffffff", "hex"));
}, 50);
setTimeout(() => process.exit(), 300);
