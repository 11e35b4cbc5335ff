// The fetch that brings a token. One try more after a 401, with a new token. Asks nothing of the broker itself.
import type { Environment } from "./environment.js";
import type { GetToken } from "./tokens.js";

/** As `RequestInit`, with the token to bring. */
export interface FetchInit extends RequestInit {
  template?: string;
  /** The URL of the API that the token is for. */
  resource?: string;
}

/**
 * Sends the person's token as a bearer. Use it for your own APIs only: whoever gets the token can use it for its life.
 * Nothing is added where nobody is signed in, or where the request has an `Authorization` of its own.
 */
export type Fetch = (input: RequestInfo | URL, init?: FetchInit) => Promise<Response>;

export function authenticated(env: Environment, getToken: GetToken): Fetch {
  const send = (request: Request, token: string) => {
    request.headers.set("Authorization", `Bearer ${token}`);
    return env.fetch(request);
  };
  return async (input, init = {}) => {
    const { template, resource, ...plain } = init;
    const which = { ...(template !== undefined && { template }), ...(resource !== undefined && { resource }) };
    const request = new Request(input, plain);
    const token = request.headers.has("Authorization") ? null : await getToken(which);
    if (token === null) return await env.fetch(request);

    const answer = await send(request.clone(), token);
    if (answer.status !== 401) return answer;
    const fresh = await getToken({ ...which, skipCache: true });
    if (fresh === null || fresh === token) return answer;
    await answer.body?.cancel();
    return await send(request, fresh);
  };
}
