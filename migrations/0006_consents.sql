-- What a person chose when they consented: where (a JSON object of environment ids, null for everywhere that is open) and,
-- in `consent_expires_at`, for how long. An attempt carries the choice until it is stored.
ALTER TABLE connections ADD COLUMN environments TEXT;
ALTER TABLE connect_attempts ADD COLUMN choice TEXT NOT NULL DEFAULT '{}';
CREATE INDEX connections_consent_end ON connections (consent_expires_at)
    WHERE consent_expires_at IS NOT NULL AND status NOT IN ('revoking', 'revoked');
CREATE INDEX connect_attempts_account ON connect_attempts (account_id, app_id);
