-- When a connection is to be refreshed though nobody waits for it: null where nobody would, which is what most are.
ALTER TABLE connections ADD COLUMN refresh_due_at BIGINT;
UPDATE connections SET refresh_due_at = COALESCE(refreshed_at, connected_at)
        + (access_expires_at - COALESCE(refreshed_at, connected_at)) * 7 / 10
    WHERE refresh_token IS NOT NULL AND status NOT IN ('needs_reconnect', 'revoking', 'revoked');
CREATE INDEX connections_refresh_due ON connections (app_id, refresh_due_at) WHERE refresh_due_at IS NOT NULL;
