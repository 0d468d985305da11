import { systemClock } from "../../../src/adapter/clock.ts";

systemClock.timer(600_000, () => {}).cancel();
systemClock.timer(600_000, () => {}).unref();
systemClock.timer(1, () => console.log("closed"));
