// What spawn_test.ts starts: it closes nothing.
setInterval(() => {}, 60_000);
console.log("closed");
