/** Objects that are taken for instances of a class whose constructor never ran. @module */

/**
 * A constructor that runs `init` on objects with the prototype of `of`. Node's IncomingMessage and ServerResponse are tied
 * to a socket and an HTTP/1.1 parser in a way that differs between the runtimes. Here the prototype is for `instanceof` and
 * for what applications add to it; whatever handlers touch are properties of each object, which stay when a framework gives
 * it another prototype (Express does).
 */
export function posing<Options, Initialised>(
  init: (...args: never[]) => unknown,
  of: { readonly prototype: object },
): new (options?: Options) => Initialised {
  function Base(this: object, options?: Options): void {
    Reflect.apply(init, this, [options]);
  }
  Base.prototype = of.prototype;
  return Base as unknown as new (options?: Options) => Initialised;
}
