/** The handler of the server "api" in `servers.json`: a function from `Request` to `Response`. @module */

/** Says when it was asked, and whether it is well. */
export default function api(request: Request): Response {
  const { pathname } = new URL(request.url);
  if (pathname === "/health") return new Response("well\n");
  if (pathname === "/now") return Response.json({ now: new Date().toISOString() });
  return new Response("Not found\n", { status: 404 });
}
