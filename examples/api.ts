/** The handler of the server "api" in servers.json. @module */
import process from "node:process";

/** Answers every request. */
export default function answer(request: Request): Response {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/healthz":
      return new Response("well\n");
    case "/now":
      return Response.json({ now: new Date().toISOString(), uptime: Math.floor(process.uptime()) });
    default:
      return Response.json({ error: `There is no ${pathname}` }, { status: 404 });
  }
}
