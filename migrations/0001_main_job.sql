-- TEXT and BIGINT only, times in Unix seconds (`*_at`), so that one text serves SQLite and PostgreSQL.
-- Columns marked «later» are part of the data model and not used yet.

-- Wrapped data keys. Whoever owns a secret names its key here; deleting the row destroys the secret.
-- purpose: check (the key check value of a master key), house, app, connection.
CREATE TABLE vault_keys (
    kid TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    master_kid TEXT NOT NULL,
    wrapped TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX vault_keys_master ON vault_keys (master_kid);
-- Replicas that boot at once end with one of each.
CREATE UNIQUE INDEX vault_keys_single ON vault_keys (purpose) WHERE purpose IN ('check', 'house');

-- The persons who signed in here, known by (issuer, subject) and never merged by e-mail.
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT,
    email TEXT,
    picture TEXT,
    claims TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_sign_in_at BIGINT NOT NULL,
    UNIQUE (issuer, subject)
);

-- Browser sessions: the hash of the cookie's id, never the id; data is sealed.
CREATE TABLE sessions (
    id_hash TEXT PRIMARY KEY,
    account_id TEXT,
    data TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Authorization servers. `identifier` is the OIDC issuer; null for one given by explicit URLs, which are then its key.
CREATE TABLE issuers (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    identifier TEXT,
    authorization_url TEXT,
    token_url TEXT,
    userinfo_url TEXT,
    revocation_url TEXT,
    jwks_url TEXT,
    profile TEXT NOT NULL,
    scope_descriptions TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Third-party apps: each is one OAuth client at one issuer.
-- later: client_secret_previous, for the change from one secret to the next; egress and kind, for what may be done.
CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    logo TEXT,
    kind TEXT NOT NULL,
    home_page TEXT,
    status TEXT NOT NULL,
    issuer_id TEXT NOT NULL REFERENCES issuers (id),
    client_id TEXT NOT NULL,
    client_auth TEXT NOT NULL,
    data_kid TEXT NOT NULL REFERENCES vault_keys (kid),
    client_secret TEXT,
    client_secret_previous TEXT,
    scopes TEXT NOT NULL,
    scope_rule TEXT NOT NULL,
    audience TEXT,
    authorization_url_extras TEXT NOT NULL,
    pkce TEXT,
    identity_rule TEXT NOT NULL,
    identity_config TEXT,
    accepted_audiences TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    egress TEXT NOT NULL,
    slack_app_id TEXT,
    provider_key TEXT,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (issuer_id, client_id),
    UNIQUE (slack_app_id, provider_key)
);

-- Running consents, each for one person in one browser, used once.
-- later: kept_*, a consent by another identity than the pinned one, sealed, until the person decides.
CREATE TABLE connect_attempts (
    state_hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    app_id TEXT NOT NULL REFERENCES apps (id),
    browser_hash TEXT NOT NULL,
    connection_id TEXT,
    verifier TEXT NOT NULL,
    nonce TEXT NOT NULL,
    scopes TEXT NOT NULL,
    return_uri TEXT,
    return_state TEXT,
    status TEXT NOT NULL,
    kept_tokens TEXT,
    kept_identity TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX connect_attempts_expiry ON connect_attempts (expires_at);

-- later: refresh_expires_at and consent_expires_at, ends that are told or chosen; previous_refresh_token, read when the
-- present one proves to be lost; requested_scopes, shown beside the granted ones.
-- Grants. One row holds the tokens (sealed, current and previous generation), the lease with its fence and the intent,
-- so that each change of state is one statement.
CREATE TABLE connections (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    app_id TEXT NOT NULL REFERENCES apps (id),
    external_issuer TEXT NOT NULL,
    external_subject TEXT NOT NULL,
    status TEXT NOT NULL,
    cause TEXT,
    data_kid TEXT,
    access_token TEXT,
    access_token_hash TEXT,
    access_expires_at BIGINT,
    refresh_token TEXT,
    refresh_expires_at BIGINT,
    previous_access_token_hash TEXT,
    previous_access_expires_at BIGINT,
    previous_refresh_token TEXT,
    granted_scopes TEXT NOT NULL,
    requested_scopes TEXT NOT NULL,
    generation BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    lease_until BIGINT,
    intent_generation BIGINT,
    intent_at BIGINT,
    retry_at BIGINT,
    failures BIGINT NOT NULL,
    consent_expires_at BIGINT,
    connected_at BIGINT NOT NULL,
    refreshed_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    revoked_upstream_at BIGINT,
    updated_at BIGINT NOT NULL
);
-- One live connection per person, app and external identity.
CREATE UNIQUE INDEX connections_live ON connections (account_id, app_id, external_issuer, external_subject)
    WHERE status NOT IN ('revoking', 'revoked');
CREATE INDEX connections_account ON connections (account_id, connected_at, id);
CREATE INDEX connections_app ON connections (app_id, id);
CREATE INDEX connections_access_hash ON connections (access_token_hash);
CREATE INDEX connections_previous_access_hash ON connections (previous_access_token_hash);

-- Workflow functions and backends.
CREATE TABLE callers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE caller_apps (
    caller_id TEXT NOT NULL REFERENCES callers (id),
    app_id TEXT NOT NULL REFERENCES apps (id),
    PRIMARY KEY (caller_id, app_id)
);
-- Keys of callers as hashes; at most two are live at a time.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    caller_id TEXT NOT NULL REFERENCES callers (id),
    key_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX api_keys_caller ON api_keys (caller_id);

-- (project, environment) of a content platform; `apps` and `accounts` say who may, absent means nobody.
CREATE TABLE environments (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    content_api_url TEXT NOT NULL,
    management_api_url TEXT,
    strategy TEXT NOT NULL,
    apps TEXT,
    accounts TEXT,
    lifetime_seconds BIGINT NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project, environment)
);

-- Content tokens cached (ask) or issued (mint), bound to the connection's generation.
-- `token` is sealed with the connection's data key and goes with it.
CREATE TABLE content_tokens (
    id TEXT PRIMARY KEY,
    connection_id TEXT NOT NULL REFERENCES connections (id),
    environment_id TEXT NOT NULL REFERENCES environments (id),
    caller_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    scope TEXT NOT NULL,
    token TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (connection_id, environment_id, caller_id, scope)
);
CREATE INDEX content_tokens_expiry ON content_tokens (expires_at);

-- later: nothing writes it yet. Who or what is stopped, by whom, why, since; joined at hand-out, never a connection's status.
CREATE TABLE freezes (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    target TEXT NOT NULL,
    issued_before BIGINT,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX freezes_target ON freezes (scope, target);

-- What must still be told to an issuer or a webhook. later: payload, issuer_id, client_id, for webhooks and mass revokes.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    connection_id TEXT,
    issuer_id TEXT,
    client_id TEXT,
    subject TEXT,
    payload TEXT,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX outbox_due ON outbox (status, next_at);
CREATE INDEX outbox_connection ON outbox (connection_id);

-- Who did what, who was handed what. Repeats of one hand-out on one day (since 1970) are a counter on its first row.
CREATE TABLE ledger (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    account_id TEXT,
    app_id TEXT,
    connection_id TEXT,
    caller_id TEXT,
    environment_id TEXT,
    generation BIGINT,
    day BIGINT,
    times BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    detail TEXT,
    request_id TEXT
);
CREATE INDEX ledger_connection ON ledger (connection_id, seq);
CREATE INDEX ledger_account ON ledger (account_id, seq);
-- The one row on which repeats of a hand-out are counted.
CREATE UNIQUE INDEX ledger_hand_out ON ledger (caller_id, connection_id, generation, day, COALESCE(environment_id, ''))
    WHERE action = 'hand_out';

-- Ed25519 keys that sign content tokens; the private half is sealed.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    public_key TEXT NOT NULL,
    data_kid TEXT NOT NULL REFERENCES vault_keys (kid),
    private_key TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Running sign-ins, each for one browser, used once.
CREATE TABLE sign_in_attempts (
    state_hash TEXT PRIMARY KEY,
    browser_hash TEXT NOT NULL,
    verifier TEXT NOT NULL,
    nonce TEXT NOT NULL,
    return_to TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_attempts_expiry ON sign_in_attempts (expires_at);
