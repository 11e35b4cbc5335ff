// Verifies a token by the broker's public keys. Does not ask whether its session is still there: a sign-out is not seen before
// the token runs out.
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { AttacheError } from "../errors.js";
import { type Broker, brokerUrl } from "./settings.js";

/** Why a token is not good here. */
export type TokenReason =
  | "token_expired"
  | "token_not_active"
  | "token_invalid"
  | "wrong_type"
  | "wrong_issuer"
  | "wrong_audience"
  | "wrong_party"
  | "not_a_session";

/** The claims of a token of the broker. Those of a template have its own claims beside these, and no `sid`. */
export interface Claims extends JWTPayload {
  iss: string;
  /** The account's id, `ac_…`. */
  sub: string;
  /** The session's id, `se_…`. */
  sid?: string;
  /** The origin of the page that the token was given to. */
  azp: string;
  exp: number;
}

export interface VerifyOptions extends Broker {
  /** Origins of your pages. A token that another page was given is refused. */
  authorizedParties: string[];
  /** Default: the broker's URL, as in the broker's own configuration. */
  audience?: string | string[];
  /** Default: the broker's URL. */
  issuer?: string;
  /** Seconds by which the clocks may differ. Default 5. */
  clockTolerance?: number;
  /** The keys. Default: those at `{url}/.well-known/jwks.json`, read again as needed. */
  keys?: JWTVerifyGetKey;
  /** Milliseconds since 1970. For tests. */
  now?: () => number;
}

/** `invalid_token`, with the reason. */
export class TokenRefused extends AttacheError {
  readonly reason: TokenReason;

  constructor(reason: TokenReason, cause?: unknown) {
    super("invalid_token", WHAT_TO_DO[reason], { cause });
    this.reason = reason;
  }
}

const WHAT_TO_DO: Record<TokenReason, string> = {
  token_expired: "The token ran out. Call getToken() before every request, and do not keep what it gives.",
  token_not_active: "The token is not good yet. Set this machine's clock.",
  token_invalid: "This is no token of the broker, or its signature is wrong. Check `url`.",
  wrong_type: "Only tokens of type JWT sign a person in. A content token (at+jwt) is for its content API.",
  wrong_issuer: "The token is of another issuer. Check `url` or `issuer`.",
  wrong_audience: "The token is for somebody else. `audience` must be the broker's `session_tokens.audience`.",
  wrong_party: "The token was given to a page whose origin is not in `authorizedParties`.",
  not_a_session: "The token of a template signs nobody in. Call getToken() without a template.",
};

const ALGORITHMS = ["EdDSA", "ES256", "RS256"];
const remote = new Map<string, JWTVerifyGetKey>();

/**
 * The claims of a good token.
 *
 * @throws {@link TokenRefused} with a `reason`; {@link AttacheError} `keys_unavailable` when the broker's keys cannot be read:
 * then nothing is known about the token, so answer 503; `invalid_options`
 */
export async function verifyToken(token: string, options: VerifyOptions): Promise<Claims> {
  const url = brokerUrl(options);
  const { authorizedParties, audience = url, issuer = url, clockTolerance = 5, keys = keysOf(url), now = Date.now } = options;
  if (!Array.isArray(authorizedParties) || authorizedParties.length === 0) {
    throw new AttacheError("invalid_options", "`authorizedParties` must list the origins of your pages, such as https://app.example.com.");
  }
  const demands = { algorithms: ALGORITHMS, typ: "JWT", audience, issuer, clockTolerance, currentDate: new Date(now()), requiredClaims: ["sub", "exp"] };
  const { payload } = await jwtVerify(token, keys, demands).catch((error) => {
    throw inOurWords(error);
  });
  if (!authorizedParties.includes(String(payload.azp))) throw new TokenRefused("wrong_party");
  return payload as Claims;
}

function keysOf(url: string): JWTVerifyGetKey {
  const known = remote.get(url) ?? createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`));
  remote.set(url, known);
  return known;
}

const BY_CLAIM: Record<string, TokenReason> = { iss: "wrong_issuer", aud: "wrong_audience", nbf: "token_not_active", typ: "wrong_type" };
const INVALID = [
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
];

function inOurWords(error: unknown): AttacheError {
  if (error instanceof errors.JWTExpired) return new TokenRefused("token_expired", error);
  if (error instanceof errors.JWTClaimValidationFailed) return new TokenRefused(BY_CLAIM[error.claim] ?? "token_invalid", error);
  if (INVALID.some((kind) => error instanceof kind)) return new TokenRefused("token_invalid", error);
  return new AttacheError("keys_unavailable", "The broker's keys could not be read. Check `url` and the network; answer 503 meanwhile.", { cause: error });
}
