-- Links by which a platform sends one of its users here, each good once. Whom the platform says it is stands here until they go
-- on; only then is there an account. Known by the hash of the link's secret. `issuer` and `subject` are what the account's are.
-- `jti_hash` is of the platform's word, which is good once as well: a row outlives the word that made it.
CREATE TABLE connect_sessions (
    secret_hash TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    jti_hash TEXT NOT NULL,
    name TEXT,
    email TEXT,
    app_key TEXT,
    return_to TEXT,
    caller_id TEXT NOT NULL REFERENCES callers (id),
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    UNIQUE (issuer, jti_hash)
);
CREATE INDEX connect_sessions_expiry ON connect_sessions (expires_at);
CREATE INDEX connect_sessions_person ON connect_sessions (issuer, subject);
