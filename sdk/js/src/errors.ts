// What can go wrong, and what to do about it. Never holds a token.

/**
 * What went wrong, in one word. The broker's own words come through as they are, so there may be others.
 *
 * - `network`: no answer, or one that the browser may not show to this page
 * - `unavailable`: the broker cannot answer right now
 * - `rate_limited`: asked too often; see `retryAfter`
 * - `signed_out`: nobody is signed in
 * - `origin_not_allowed`: the broker does not list this page's origin
 * - `template_not_found`, `template_refused`: no such token template, or none for this person
 * - `invalid_target`: this page or this person may not have a token for that resource
 * - `connection_not_found`: no such connection of this person, or for this caller
 * - `reconnect_required`: the person has to connect again; `body.connect_url` leads there (`/node`)
 * - `connect_denied`: the person said no
 * - `connect_closed`: the person came back without an answer
 * - `connect_blocked`: the browser opened no window
 * - `connect_failed`: the app was not connected, for another reason
 * - `invalid_token`: a token is not good here (`/node`)
 * - `keys_unavailable`: the keys that verify tokens could not be read (`/node`)
 * - `invalid_options`: a call that can never work
 */
export type AttacheErrorCode =
  | "network"
  | "unavailable"
  | "rate_limited"
  | "signed_out"
  | "origin_not_allowed"
  | "template_not_found"
  | "template_refused"
  | "invalid_target"
  | "access_denied"
  | "connection_not_found"
  | "reconnect_required"
  | "connect_denied"
  | "connect_closed"
  | "connect_blocked"
  | "connect_failed"
  | "invalid_token"
  | "keys_unavailable"
  | "invalid_options"
  | (string & {});

/** What an error knows beside its code and its message. */
export interface AttacheErrorDetails {
  /** The HTTP status, where there was an answer. */
  status?: number;
  /** Seconds after which it is worth asking again. */
  retryAfter?: number;
  /** The broker's answer, where it was JSON. */
  body?: unknown;
  cause?: unknown;
}

/** Every error of this package. `message` says what happened and what to do. */
export class AttacheError extends Error {
  override readonly name = "AttacheError";
  readonly code: AttacheErrorCode;
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** Seconds after which it is worth asking again. */
  readonly retryAfter: number | undefined;
  /** The broker's answer, where it was JSON. */
  readonly body: unknown;

  constructor(code: AttacheErrorCode, message: string, details: AttacheErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.retryAfter = details.retryAfter;
    this.body = details.body;
  }
}

const WHAT_TO_DO: Record<string, string> = {
  signed_out: "Nobody is signed in. Call signIn().",
  rate_limited: "Asked too often. Wait for `retryAfter` seconds.",
  origin_not_allowed: "The broker does not list this page's origin. Its operator adds it to `session_tokens.allowed_origins`.",
  template_not_found: "There is no token template of this name. Check the name, or ask the broker's operator to add it.",
  invalid_target: "There is no token for this target. Check its address; the broker's operator says who may have one.",
  connection_not_found: "There is no such connection for you. Read the list again.",
  reconnect_required: "The person has to connect again. Send them to `body.connect_url`.",
};

/** The error that an HTTP answer stands for. */
export function fromAnswer(status: number, body: unknown, retryAfter: number | undefined): AttacheError {
  const said = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const fallback = status === 429 ? "rate_limited" : status >= 500 ? "unavailable" : "refused";
  const code = typeof said.error === "string" ? said.error : fallback;
  const own = WHAT_TO_DO[code] ?? (status >= 500 ? "The broker cannot answer right now. Try again later." : "The broker refused this request.");
  const more = said.message ?? said.error_description;
  const message = typeof more === "string" ? `${own} It said: ${more}` : own;
  return new AttacheError(code, message, { status, retryAfter, body });
}
