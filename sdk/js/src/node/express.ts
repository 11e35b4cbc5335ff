// The middleware for Express 4 and 5, and for whatever calls (request, response, next). Reads no body.
import type { IncomingMessage, ServerResponse } from "node:http";
import { judged, type MiddlewareOptions } from "./answer.js";
import type { SignedIn, SignedOut } from "./authenticate_request.js";

/** A request that went through the middleware. `SignedIn` unless `required` is false. */
export type WithAuth<R = IncomingMessage, Auth extends SignedIn | SignedOut = SignedIn> = R & { auth: Auth };

type Asked = IncomingMessage & { originalUrl?: string };

/**
 * Sets `request.auth`. Sends the browser on where that is needed, and answers 401 to nobody unless `required` is false.
 *
 * @example app.use("/api", expressAuth({ url, authorizedParties: ["https://app.example.com"] }))
 */
export function expressAuth(options: MiddlewareOptions) {
  return async (request: Asked, response: ServerResponse, next: (error?: unknown) => void): Promise<void> => {
    try {
      const { outcome, setCookie } = await judged({ method: request.method ?? "GET", url: addressOf(request), headers: request.headers }, options);
      for (const line of setCookie) response.appendHeader("Set-Cookie", line);
      if ("refusal" in outcome) {
        const { status, headers, body } = outcome.refusal;
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        if (body) response.setHeader("Content-Type", "application/json");
        response.statusCode = status;
        response.end(body ? JSON.stringify(body) : undefined);
        return;
      }
      Object.assign(request, outcome);
    } catch (error) {
      return next(error);
    }
    next();
  };
}

/** The target may be a whole URL of the client's choice (RFC 9112 section 3.2.2): its host counts for nothing. */
function addressOf(request: Asked): string {
  const target = request.originalUrl ?? request.url ?? "/";
  const scheme = "encrypted" in request.socket ? "https" : "http";
  const base = `${scheme}://unnamed.invalid`;
  if (target.startsWith("/")) return base + target;
  const { pathname, search } = URL.canParse(target) ? new URL(target) : { pathname: "/", search: "" };
  return base + pathname + search;
}
