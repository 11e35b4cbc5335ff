// Made by wire.mjs of docs/openapi.json: what the broker answers. Nobody changes it by hand.

/** The person here. */
export type Account = KnownAs & {
  /** `ac_…` */
  id: string;
};

/** What is done to an entry. */
export type Action = "read" | "create" | "update" | "delete" | "publish" | "unpublish";

/** What the content tokens of an app may do there. Where another platform decides, only the app is told. */
export type AppThere = {
  /** The app's key. */
  app: string;
  permissions?: Array<Permission>;
  /** Seconds. */
  token_lifetime?: number;
};

export type Asked = {
  /** The key of the app that they are to connect. */
  app?: string | null;
  /** A page of the platform's, where they come back to. */
  return_to?: string | null;
  /** The platform's word of who its user is: a JWT that it signed a moment ago, good once. */
  user_token: string;
};

/** One permission, as RFC 9396 says it. */
export type AuthorizationDetail = {
  actions: Array<Action>;
  /** What an entry must hold; left out for each entry. */
  condition?: Record<string, unknown>;
  locales?: Array<string>;
  /** The content API's address. */
  locations: Array<string>;
  models?: Array<string>;
  stages?: Array<string>;
  type: "content";
};

/** A link for one user of the platform, good once. */
export type ConnectSession = {
  /** Seconds since 1970. */
  expires_at: number;
  /** `cs_…` */
  id: string;
  object: "connect_session";
  /** To be opened in the user's browser. It stands for them, so nobody else may have it. */
  url: string;
};

/** A person's consent to an app. Never a token. */
export type Connection = {
  access_expires_at?: string;
  account: Account;
  /** The app's key. */
  app: string;
  cause?: "revoked_upstream" | "rotation_lost" | "expired" | "no_refresh_token" | "refused" | "interaction_required" | "login_required" | "consent_required" | "mfa_required" | "identity_changed" | "unusable_token" | "client_refused" | "signs_in_by_itself" | "restored_copy" | "shared_grant" | "unconfirmed";
  /** Where to send the person, who must connect the app again. */
  connect_url?: string;
  connected_at: string;
  /** Where the person agreed for a time: nothing is handed out from then on. */
  consent_expires_at?: string;
  /** True where the app signs people in by itself, so that there is no access token to hand out. */
  direct?: boolean;
  external_identity: ExternalIdentity;
  /** `Et…` */
  id: string;
  last_used_at?: string;
  /** True while the person or the operator has stopped it. */
  paused?: boolean;
  refreshed_at?: string;
  /** What was asked for at the last consent. */
  requested_scope: string;
  /** The receipt of one that has ended. Not there in a list. */
  revocation?: Revocation;
  revoked_at?: string;
  /** When the issuer confirmed the end. */
  revoked_upstream_at?: string;
  /** What the issuer granted, with spaces between. */
  scope: string;
  state: "active" | "in_doubt" | "backoff" | "needs_reconnect" | "misconfigured" | "revoking" | "revoked";
};

/** Some connections, by account. */
export type ConnectionPage = {
  connections: Array<Connection>;
  /** For `cursor`. Not there on the last page. */
  next_cursor?: string;
};

/** Where its content API is. */
export type Endpoints = {
  content: string;
  /** The one for much reading. */
  high_performance?: string;
};

/** The environments that a backend's apps may reach. */
export type EnvironmentList = {
  environments: Array<EnvironmentOfApps>;
};

/** One environment of a content platform. What is not known is not there. */
export type EnvironmentOfApps = {
  apps: Array<AppThere>;
  /** Meant by a request that names no stage. */
  default_stage: string;
  endpoints: Endpoints;
  environment: string;
  environment_name?: string;
  project: string;
  project_name?: string;
  /** What a request without a token may do. */
  public: Array<Permission>;
  region?: string;
  strategy: Strategy;
};

/** The person at the app's issuer. */
export type ExternalIdentity = {
  issuer: string;
  /** Not there where the issuer tells none. */
  subject?: string;
};

/** What the token endpoint gives. RFC 6749 section 5.1, with RFC 9396 section 7 and RFC 8693 section 2.2.1. */
export type Given = {
  access_token: string;
  /** What it may do in detail (RFC 9396). */
  authorization_details?: Array<AuthorizationDetail>;
  /** Seconds. */
  expires_in: number;
  /** Of an exchange only. */
  issued_token_type?: string;
  /** Not there where another platform gives the token. */
  scope?: string;
  token_type: "Bearer";
};

/** An access token that is valid now. */
export type HandedOut = {
  access_token: string;
  /** Seconds. Not there when the issuer did not say. */
  expires_in?: number;
  /** What the issuer granted, with spaces between. */
  scope: string;
  state: "active" | "in_doubt" | "backoff" | "needs_reconnect" | "misconfigured" | "revoking" | "revoked";
  /** `Bearer`, or the issuer's own word where it has another one. */
  token_type: string;
};

/** What was out and alive at that moment. It cannot be called back. */
export type HandedOutBefore = {
  /** When the last of them runs out. */
  expire_by?: string;
  tokens: number;
};

/** RFC 7662 section 2.2. What is active holds the members that the token says, or that are known of it. */
export type Introspected = {
  active: boolean;
};

/** What the issuer knows of it. */
export type IssuersWord = {
  confirmed_at: string;
  state: "confirmed";
} | {
  state: "unsupported";
} | {
  state: "withheld";
} | {
  state: "unconfirmed";
} | {
  attempts?: number;
  next_attempt_at?: string;
  problem?: string;
  state: "waiting";
};

/** Not by one name: who looks for a person of the sign-in issuer finds none of a platform. */
export type KnownAs = {
  /** At the sign-in issuer. */
  subject: string;
} | {
  /** The platform's own id of the person. */
  external_id: string;
  /** The platform's key in the configuration. */
  platform: string;
};

/** Nothing may be asked of a template's token but which one it is. */
export type NothingAsked = Record<string, unknown>;

/** RFC 6749 section 5.2. */
export type OAuthRefused = {
  /** Where to send the person, who must connect the app again. */
  connect_url?: string;
  error: string;
  /** A sentence for people. */
  error_description: string;
};

/** An app, as people know it. */
export type OwnApp = {
  key: string;
  name: string;
};

/** An app that the person has connected. */
export type OwnConnection = {
  app: OwnApp;
  /** Seconds since 1970. */
  connected_at: number;
  /** `Et…` */
  id: string;
  /** Seconds since 1970; null where it was never used. */
  last_used_at: number | null;
  state: "active" | "in_doubt" | "backoff" | "needs_reconnect" | "misconfigured" | "revoking" | "revoked";
};

/** What the person has connected, the last used first. */
export type OwnConnections = {
  connections: Array<OwnConnection>;
};

/** Some actions on some content. What is left out is any. */
export type Permission = {
  actions: Array<Action>;
  /** What an entry must hold; left out for each entry. */
  condition?: Record<string, unknown>;
  locales?: Array<string>;
  models?: Array<string>;
  stages?: Array<string>;
};

/** What happened, and what helps to go on. */
export type Refused = {
  cause?: "revoked_upstream" | "rotation_lost" | "expired" | "no_refresh_token" | "refused" | "interaction_required" | "login_required" | "consent_required" | "mfa_required" | "identity_changed" | "unusable_token" | "client_refused" | "signs_in_by_itself" | "restored_copy" | "shared_grant" | "unconfirmed";
  /** Where to send the person, who must connect the app again. */
  connect_url?: string;
  /** The word to decide by. */
  error: string;
  /** A sentence for people. */
  message: string;
  /** Seconds until the same request may succeed, as in `Retry-After`. */
  retry_after?: number;
};

/** Each step of a revoke. */
export type Revocation = {
  handed_out: HandedOutBefore;
  issuer: IssuersWord;
  /** From then on nothing is handed out. */
  stopped_at: string;
};

/** The person's session with Attaché. */
export type SessionHere = {
  /** Seconds since 1970. */
  expires_at: number;
  /** `se_…`, the same in each of its tokens. */
  id: string;
};

/** A token of whoever is signed in. */
export type SessionToken = {
  /** Seconds. */
  expires_in: number;
  jwt: string;
  object: "token";
};

/** The person is signed out here. */
export type SignedOutHere = {
  /** Where the page goes next, so that the issuer's own session ends too. Null where the issuer has no place for that. */
  sign_out_url: string | null;
};

/** It is stopped. */
export type StoppedConnection = {
  connection: OwnConnection;
};

/** Where its content tokens come from. */
export type Strategy = "mint" | "ask" | "token_exchange";

/** What a backend may ask of a token. */
export type TokenDemand = {
  /** Whether a new one is wanted in any case. At most one in 30 seconds is asked for. */
  force_refresh?: boolean;
  /** Seconds of life that it must have at least. */
  min_ttl?: number;
};

/** The person. */
export type User = {
  email: string | null;
  /** `ac_…`, the `sub` of each token. */
  id: string;
  name: string | null;
  /** An address, as the sign-in issuer said it. */
  picture: string | null;
};

/** What a page may say of the token that it wants. */
export type Wanted = {
  /** The content API URL of an environment: then it is a content token for there. Not with a template. */
  resource?: string | null;
};

/** Who is signed in in this browser. Both are null where nobody is. */
export type WhoIsSignedIn = {
  session: SessionHere | null;
  user: User | null;
};
