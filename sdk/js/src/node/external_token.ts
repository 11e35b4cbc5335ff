// An access token of a connected app, for a backend with an API key. Keeps none: the broker does.
import { askAs } from "./ask.js";
import type { HandedOut } from "../wire.js";
import { type Caller, setting } from "./settings.js";

export interface ExternalTokenOptions extends Caller {
  /** Seconds for which the token is needed. Default 60. */
  minTtl?: number;
  /** A new token, whatever the broker keeps. */
  forceRefresh?: boolean;
}

export interface ExternalToken {
  accessToken: string;
  /** Mostly `Bearer`. */
  tokenType: string;
  /** Seconds; undefined where the issuer did not say. */
  expiresIn: number | undefined;
  scope: string | undefined;
}

/**
 * An access token of the app that a person connected, valid now.
 *
 * @param connection its id, `Et…`
 * @throws {@link AttacheError} `connection_not_found`; `reconnect_required` with `body.connect_url`; `paused`; `damaged`;
 * `invalid_auth`; `unavailable`, `issuer_unavailable`, `overloaded` and `rate_limited` after a few tries
 */
export async function getExternalToken(connection: string, options: ExternalTokenOptions = {}): Promise<ExternalToken> {
  const { minTtl, forceRefresh } = options;
  const ask = askAs(options, `Bearer ${setting(options.apiKey, "ATTACHE_API_KEY")}`);
  const said: HandedOut = await ask("POST", `/v1/connections/${encodeURIComponent(connection)}/token`, {
    ...(minTtl !== undefined && { min_ttl: minTtl }),
    ...(forceRefresh !== undefined && { force_refresh: forceRefresh }),
  });
  return { accessToken: said.access_token, tokenType: said.token_type, expiresIn: said.expires_in, scope: said.scope };
}
