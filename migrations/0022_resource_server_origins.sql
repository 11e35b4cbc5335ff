-- A resource server may protect pages of an origin instead of an environment: it asks about session tokens that these pages
-- were given. Exactly one of the two is there.
ALTER TABLE resource_servers RENAME TO resource_servers_of_environments;
CREATE TABLE resource_servers (
    id TEXT PRIMARY KEY,
    environment_id TEXT REFERENCES environments (id),
    origin TEXT,
    secret_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
INSERT INTO resource_servers (id, environment_id, secret_hash, created_at, last_used_at, revoked_at)
    SELECT id, environment_id, secret_hash, created_at, last_used_at, revoked_at FROM resource_servers_of_environments;
DROP TABLE resource_servers_of_environments;
CREATE INDEX resource_servers_environment ON resource_servers (environment_id);
CREATE INDEX resource_servers_origin ON resource_servers (origin);
