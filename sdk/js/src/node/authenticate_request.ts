// Says who sent a request, by its headers alone: signed in, signed out, or first to the broker and back. Answers nobody, and does
// not see a sign-out before the token runs out.
import { HINT_COOKIE, TOKEN_COOKIE } from "../cookie.js";
import { AttacheError } from "../errors.js";
import { cookieCounts } from "./cookie_counts.js";
import * as handshake from "./handshake.js";
import { read, type RequestLike, type Said } from "./request_headers.js";
import { brokerUrl } from "./settings.js";
import { type Claims, type TokenReason, TokenRefused, type VerifyOptions, verifyToken } from "./verify_token.js";

export interface AuthenticateOptions extends VerifyOptions {
  /** Believe `X-Forwarded-Host`, `X-Forwarded-Proto` and `CloudFront-Forwarded-Proto`. Only behind a proxy that sets them. */
  trustProxy?: boolean;
}

/** Why nobody is signed in. */
export type SignedOutReason =
  | TokenReason
  /** No token came, and this browser had no session. */
  | "no_token"
  /** No token came, or it ran out, and no page is opened that could be sent to the broker. */
  | "token_missing"
  /** A cookie came with a request that another page may have made. */
  | "cross_origin"
  /** What came back from the broker is not for this browser, or not good. */
  | "handshake_failed"
  /** This browser was at the broker a moment ago and does not keep the cookie. */
  | "handshake_repeated"
  /** A page at an origin that is not in `authorizedParties`, so the broker would not send anybody back. Behind a proxy set `trustProxy`. */
  | "unknown_origin"
  /** The `Host` is none. */
  | "bad_host";

export interface SignedIn {
  status: "signed-in";
  /** `ac_…` */
  userId: string;
  /** `se_…` */
  sessionId: string;
  claims: Claims;
  /** The token itself, to pass on to your own services. */
  token: string;
}

export interface SignedOut {
  status: "signed-out";
  reason: SignedOutReason;
  /** Lines for `Set-Cookie`. */
  setCookie: string[];
}

/** Answer with a redirect (307) to `location`. */
export interface Handshake {
  status: "handshake";
  /** `token_expired` or `token_missing` on the way to the broker, `returned` on the way back. */
  reason: "token_expired" | "token_missing" | "returned";
  /** Absolute. */
  location: string;
  /** Lines for `Set-Cookie`. */
  setCookie: string[];
}

export type Authenticated = SignedIn | SignedOut | Handshake;

/**
 * Who sent this request. A bearer wins over the cookie.
 *
 * @throws {@link AttacheError} `keys_unavailable` (answer 503) and `invalid_options`; never because of what a request holds
 */
export async function authenticateRequest(request: RequestLike, options: AuthenticateOptions): Promise<Authenticated> {
  const said = read(request, options.trustProxy ?? false);
  if (!said) return signedOut("bad_host");
  if (said.bearer !== null) return await verified(said.bearer, options);
  const back = handshake.returned(said);
  if (back !== null) return await comeBack(said, back, options);

  const token = said.cookies.get(TOKEN_COOKIE);
  if (token !== undefined && !cookieCounts(said)) return signedOut("cross_origin");
  const found = token === undefined ? signedOut(said.cookies.has(HINT_COOKIE) ? "token_missing" : "no_token") : await verified(token, options);
  if (found.status !== "signed-out" || !said.isPage) return found;
  const { reason } = found;
  if (reason !== "token_expired" && reason !== "token_missing") return found;
  if (handshake.wasJustThere(said)) return signedOut("handshake_repeated");
  if (!options.authorizedParties.includes(said.origin)) return signedOut("unknown_origin");
  return { status: "handshake", reason, ...handshake.away(said, brokerUrl(options)) };
}

/** One round: whatever came back, there is no second handshake for it. */
async function comeBack(said: Said, back: string, options: AuthenticateOptions): Promise<Authenticated> {
  const nonce = handshake.nonceOf(said);
  const found = back === "signed_out" || nonce === null ? null : await verified(back, options);
  if (found?.status === "signed-in" && found.claims.nonce === nonce) {
    const seconds = found.claims.exp - (options.now ?? Date.now)() / 1000;
    return { status: "handshake", reason: "returned", ...handshake.home(said, found.token, seconds) };
  }
  // Another page of this browser was there first, or somebody opened an old address.
  const cookie = said.cookies.get(TOKEN_COOKIE);
  if (cookie !== undefined && (await verified(cookie, options)).status === "signed-in") {
    return { status: "handshake", reason: "returned", ...handshake.homeAsBefore(said) };
  }
  // Without the nonce anybody may have made this link: it must not end the hint.
  if (back === "signed_out" && nonce !== null) return { status: "handshake", reason: "returned", ...handshake.homeAsStranger(said) };
  return { status: "signed-out", reason: "handshake_failed", setCookie: [handshake.done(said)] };
}

async function verified(token: string, options: AuthenticateOptions): Promise<SignedIn | SignedOut> {
  try {
    const claims = await verifyToken(token, options);
    if (typeof claims.sid !== "string") return signedOut("not_a_session");
    return { status: "signed-in", userId: claims.sub, sessionId: claims.sid, claims, token };
  } catch (error) {
    if (error instanceof TokenRefused) return signedOut(error.reason);
    throw error instanceof AttacheError ? error : new AttacheError("keys_unavailable", "The token could not be verified.", { cause: error });
  }
}

function signedOut(reason: SignedOutReason): SignedOut {
  return { status: "signed-out", reason, setCookie: [] };
}
