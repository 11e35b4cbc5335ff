// The same for handlers of the Fetch standard: Next.js, Hono, Deno, Bun, Cloudflare. Reads no body.
import { judged, type MiddlewareOptions, type Refusal } from "./answer.js";
import type { SignedIn, SignedOut } from "./authenticate_request.js";

type Handler<Auth, More extends unknown[]> = (request: Request, auth: Auth, ...more: More) => Response | Promise<Response>;
type Wrapped<More extends unknown[]> = (request: Request, ...more: More) => Promise<Response>;

/**
 * Gives the handler who is signed in. Sends the browser on where that is needed, and answers 401 to nobody unless `required`
 * is false.
 *
 * @example export const GET = withAuth((request, auth) => Response.json({ hello: auth.userId }), options);
 */
export function withAuth<More extends unknown[]>(handler: Handler<SignedIn, More>, options: MiddlewareOptions & { required?: true }): Wrapped<More>;
export function withAuth<More extends unknown[]>(handler: Handler<SignedIn | SignedOut, More>, options: MiddlewareOptions): Wrapped<More>;
export function withAuth<More extends unknown[]>(handler: Handler<any, More>, options: MiddlewareOptions): Wrapped<More> {
  return async (request, ...more) => {
    const { outcome, setCookie } = await judged(request, options);
    const own = "refusal" in outcome ? refused(outcome.refusal) : await handler(request, outcome.auth, ...more);
    if (setCookie.length === 0) return own;
    const answer = new Response(own.body, own);
    for (const line of setCookie) answer.headers.append("Set-Cookie", line);
    return answer;
  };
}

function refused({ status, headers, body }: Refusal): Response {
  return body ? Response.json(body, { status, headers }) : new Response(null, { status, headers });
}
