/** Abort signals whose listeners can be counted. @module */

/** An `AbortController` that knows how many listeners its signal has. */
export interface CountedController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
  /** Listeners added and not removed. `once` is not understood: none of ours uses it. */
  readonly listeners: number;
}

export function countedController(): CountedController {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListenerOrEventListenerObject): void => {
    listeners++;
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: EventListenerOrEventListenerObject): void => {
    listeners--;
    remove(type, listener);
  };
  return {
    signal,
    abort: (reason) => controller.abort(reason),
    get listeners(): number {
      return listeners;
    },
  };
}
