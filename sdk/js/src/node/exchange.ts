// Exchanges a person's token or connection for a content token (RFC 8693). Keeps none.
import { AttacheError } from "../errors.js";
import { askAs } from "./ask.js";
import { type Caller, setting } from "./settings.js";

export interface ExchangeOptions extends Caller {
  /** The caller's id, `ca_…`. Default: the environment variable `ATTACHE_CALLER_ID`. */
  callerId?: string;
  /** An access token of the app. It or `connection` is needed. */
  subjectToken?: string;
  /** A connection's id, `Et…`, in place of a token. */
  connection?: string;
  /** The issuer of an opaque `subjectToken`. */
  subjectIssuer?: string;
  /** `project/environment`. It or `resource` is needed. */
  audience?: string;
  /** The URL of a content API. */
  resource?: string;
  /** Such as `content:read`. Default: all that the person agreed to. */
  scope?: string;
  /** Narrows what the token may do (RFC 9396). */
  authorizationDetails?: object[];
  /** The content token of whom you act for. */
  actorToken?: string;
}

export interface Exchanged {
  accessToken: string;
  tokenType: string;
  issuedTokenType: string;
  /** Seconds. */
  expiresIn: number | undefined;
  scope: string | undefined;
}

const TYPE = "urn:ietf:params:oauth:token-type:access_token";

/**
 * @throws {@link AttacheError} with the codes of RFC 6749 and RFC 8693: `invalid_request`, `invalid_target`, `invalid_scope`,
 * `invalid_client`, `temporarily_unavailable`; `invalid_options` before anything is asked
 */
export async function exchange(options: ExchangeOptions): Promise<Exchanged> {
  const { subjectToken, connection, subjectIssuer, audience, resource, scope, authorizationDetails, actorToken } = options;
  if ((subjectToken === undefined) === (connection === undefined)) {
    throw new AttacheError("invalid_options", "Give `subjectToken` or `connection`, one of them.");
  }
  if (audience === undefined && resource === undefined) throw new AttacheError("invalid_options", "Give `audience` or `resource`.");
  const asked = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: subjectToken ?? connection,
    subject_token_type: subjectToken === undefined ? "urn:attache:params:oauth:token-type:connection" : TYPE,
    subject_issuer: subjectIssuer,
    audience,
    resource,
    scope,
    authorization_details: authorizationDetails && JSON.stringify(authorizationDetails),
    actor_token: actorToken,
    actor_token_type: actorToken && TYPE,
  };
  const given = Object.entries(asked).filter((pair): pair is [string, string] => pair[1] !== undefined);
  // RFC 6749 section 2.3.1: both parts are encoded as in a form.
  const [id, key] = [setting(options.callerId, "ATTACHE_CALLER_ID"), setting(options.apiKey, "ATTACHE_API_KEY")].map(encodeURIComponent);
  const said = await askAs(options, `Basic ${btoa(`${id}:${key}`)}`)("POST", "/oauth/token", new URLSearchParams(given));
  return {
    accessToken: said.access_token,
    tokenType: said.token_type,
    issuedTokenType: said.issued_token_type,
    expiresIn: said.expires_in,
    scope: said.scope,
  };
}
