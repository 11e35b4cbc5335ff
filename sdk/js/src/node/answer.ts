// What a middleware answers, whatever its framework. Judges nothing.
import { AttacheError } from "../errors.js";
import { type Authenticated, authenticateRequest, type AuthenticateOptions, type SignedIn, type SignedOut } from "./authenticate_request.js";
import type { RequestLike } from "./request_headers.js";

export interface MiddlewareOptions extends AuthenticateOptions {
  /** Whether a request of nobody is answered by 401. False lets it through as signed out. Default true. */
  required?: boolean;
}

/** What a handler is told. Where `required` is not false it is always `signed-in`. */
export type Auth = SignedIn | SignedOut;

/** An answer in place of the app's own. */
export interface Refusal {
  status: 307 | 401 | 503;
  headers: Record<string, string>;
  body: { error: string; message: string; reason?: string } | null;
}

export interface Judged {
  /** The app's turn, or the answer in its place. */
  outcome: { auth: Auth } | { refusal: Refusal };
  /** Lines for `Set-Cookie`. */
  setCookie: string[];
}

export async function judged(request: RequestLike, { required = true, ...options }: MiddlewareOptions): Promise<Judged> {
  try {
    const auth = await authenticateRequest(request, options);
    return { outcome: outcomeOf(auth, required), setCookie: auth.status === "signed-in" ? [] : auth.setCookie };
  } catch (error) {
    if (!(error instanceof AttacheError) || error.code !== "keys_unavailable") throw error;
    const headers = { "Retry-After": "5", "Cache-Control": "no-store" };
    return { outcome: { refusal: { status: 503, headers, body: { error: error.code, message: error.message } } }, setCookie: [] };
  }
}

function outcomeOf(auth: Authenticated, isRequired: boolean): Judged["outcome"] {
  const own = { "Cache-Control": "no-store" };
  if (auth.status === "handshake") return { refusal: { status: 307, headers: { ...own, Location: auth.location }, body: null } };
  if (auth.status === "signed-in" || !isRequired) return { auth };
  const { reason } = auth;
  const headers = { ...own, "WWW-Authenticate": "Bearer", "X-Attache-Auth-Reason": reason };
  return { refusal: { status: 401, headers, body: { error: "signed_out", message: "Nobody is signed in, as far as this request says.", reason } } };
}
