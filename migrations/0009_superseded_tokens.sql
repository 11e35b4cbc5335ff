-- Refresh tokens that a live connection does not use any more, where the issuer might end the one in use with them: sealed
-- with the connection's data key until it is stopped, revoked with it, and gone with it. Whose they were is said beside
-- each, because a connection may have been another identity's before.
CREATE TABLE superseded_tokens (
    id TEXT PRIMARY KEY,
    connection_id TEXT NOT NULL REFERENCES connections (id),
    external_subject TEXT NOT NULL,
    refresh_token TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX superseded_tokens_connection ON superseded_tokens (connection_id, created_at, id);

-- Until now `token` was written here where nobody had said anything. What the configuration file says is written again at
-- the next start.
UPDATE issuers SET profile = REPLACE(profile, '"revocation_reach":"token"', '"revocation_reach":"unknown"');
