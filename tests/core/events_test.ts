import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { emit, TypedEventTarget } from "../../src/core/events.ts";
import { test } from "../support/harness.ts";

interface Events {
  resize: { capacity: number };
  error: Error;
  close: undefined;
}

test("a listener gets a CustomEvent with the detail, within the call", () => {
  const target = new TypedEventTarget<Events>();
  const seen: unknown[] = [];
  target.addEventListener("resize", (event) => {
    assertInstanceOf(event, CustomEvent);
    seen.push(event.type, event.detail.capacity, event.target === target);
  });
  target.addEventListener("close", (event) => seen.push(event.type, event.detail ?? "nothing"));
  emit(target, "resize", { capacity: 7 });
  emit(target, "close", undefined);
  assertEquals(seen, ["resize", 7, true, "close", "nothing"]);
});

test("an error without a listener does nothing", () => {
  emit(new TypedEventTarget<Events>(), "error", new Error("nobody hears this"));
});

test("no event is made before somebody has listened for its type", () => {
  const target = new TypedEventTarget<Events>();
  let dispatched = 0;
  target.dispatchEvent = (): boolean => ++dispatched > 0;
  target.addEventListener("close", () => {});
  emit(target, "resize", { capacity: 1 });
  assertEquals(dispatched, 0);
  target.addEventListener("resize", () => {});
  emit(target, "resize", { capacity: 1 });
  assertEquals(dispatched, 1);
});

test("once, signal, objects and removal work as on every EventTarget", () => {
  const target = new TypedEventTarget<Events>();
  const seen: string[] = [];
  const controller = new AbortController();
  const removed = (): void => void seen.push("removed");
  target.addEventListener("resize", () => seen.push("once"), { once: true });
  target.addEventListener("resize", () => seen.push("signal"), { signal: controller.signal });
  target.addEventListener("resize", removed);
  target.addEventListener("resize", { handleEvent: () => void seen.push("object") });
  target.addEventListener("resize", null);
  target.removeEventListener("resize", removed);
  emit(target, "resize", { capacity: 1 });
  controller.abort();
  emit(target, "resize", { capacity: 2 });
  assertEquals(seen, ["once", "signal", "object", "object"]);
});

test("a subclass has its own private state before the first listener comes", () => {
  class Pool extends TypedEventTarget<Events> {
    readonly label: string = "pool";
  }
  const pool = new Pool();
  let heard = "";
  pool.addEventListener("close", () => heard = pool.label);
  emit<Events, "close">(pool, "close", undefined);
  assert(heard === "pool");
});
