-- How the issuer calls the access token; null for `Bearer`.
ALTER TABLE connections ADD COLUMN token_type TEXT;
-- How often in a row the issuer has refused the grant by a word that nobody knows, and since when.
ALTER TABLE connections ADD COLUMN refusals BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN refused_since BIGINT;

-- A connection without a refresh token is due when its access token runs out: then it needs its person.
UPDATE connections SET refresh_due_at = access_expires_at
    WHERE refresh_token IS NULL AND access_expires_at IS NOT NULL
        AND status NOT IN ('needs_reconnect', 'revoking', 'revoked');
