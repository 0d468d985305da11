import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { Events } from "../../src/core/events.ts";
import { test } from "../support/harness.ts";

/** As pools have it. */
class Target extends EventTarget {
  readonly events: Events = new Events(this);
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    this.events.listened(type);
    super.addEventListener(type, listener, options);
  }
}

test("a listener gets a CustomEvent with the detail, within the call", () => {
  const target = new Target();
  const seen: unknown[] = [];
  target.addEventListener("resize", (event) => {
    assertInstanceOf(event, CustomEvent);
    seen.push(event.type, (event.detail as { capacity: number }).capacity, event.target === target);
  });
  target.addEventListener("close", (event) => seen.push(event.type, (event as CustomEvent).detail ?? "nothing"));
  target.events.raise("resize", { capacity: 7 });
  target.events.raise("close", undefined);
  assertEquals(seen, ["resize", 7, true, "close", "nothing"]);
});

test("an error without a listener does nothing", () => {
  new Target().events.raise("error", new Error("nobody hears this"));
});

test("no event is made before somebody has listened for its type", () => {
  const target = new Target();
  let dispatched = 0;
  target.dispatchEvent = (): boolean => ++dispatched > 0;
  target.addEventListener("close", () => {});
  target.events.raise("resize", { capacity: 1 });
  assertEquals(dispatched, 0);
  target.addEventListener("resize", () => {});
  target.events.raise("resize", { capacity: 1 });
  assertEquals(dispatched, 1);
});

test("once, signal, objects and removal work as on every EventTarget", () => {
  const target = new Target();
  const seen: string[] = [];
  const controller = new AbortController();
  const removed = (): void => void seen.push("removed");
  target.addEventListener("resize", () => seen.push("once"), { once: true });
  target.addEventListener("resize", () => seen.push("signal"), { signal: controller.signal });
  target.addEventListener("resize", removed);
  target.addEventListener("resize", { handleEvent: () => void seen.push("object") });
  target.addEventListener("resize", null);
  target.removeEventListener("resize", removed);
  target.events.raise("resize", { capacity: 1 });
  controller.abort();
  target.events.raise("resize", { capacity: 2 });
  assertEquals(seen, ["once", "signal", "object", "object"]);
});

test("a subclass has its own private state before the first listener comes", () => {
  class Pool extends Target {
    readonly label: string = "pool";
  }
  const pool = new Pool();
  let heard = "";
  pool.addEventListener("close", () => heard = pool.label);
  pool.events.raise("close", undefined);
  assert(heard === "pool");
});
