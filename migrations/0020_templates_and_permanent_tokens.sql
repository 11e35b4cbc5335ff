-- Named claims of tokens that we sign, as `[templates.NAME]` of the configuration file said them when a server last started:
-- every server goes by these.
CREATE TABLE templates (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- The template whose claims its minted tokens have beside ours.
ALTER TABLE environments ADD COLUMN template TEXT;

-- Bearers of nobody in particular for one environment, of which only the hash is kept; what they may do is a JSON array of
-- permissions.
CREATE TABLE permanent_tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    environment_id TEXT NOT NULL REFERENCES environments (id),
    token_hash TEXT NOT NULL UNIQUE,
    permissions TEXT NOT NULL,
    default_stage TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX permanent_tokens_environment ON permanent_tokens (environment_id);

-- What callers may do by themselves at an environment, for nobody: a JSON array of permissions.
CREATE TABLE caller_permissions (
    caller_id TEXT NOT NULL REFERENCES callers (id),
    environment_id TEXT NOT NULL REFERENCES environments (id),
    permissions TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (caller_id, environment_id)
);
