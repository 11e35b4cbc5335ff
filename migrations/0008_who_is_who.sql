-- When a token after the last sign-in said a claim, by the claim's name (JSON). What is not named here is of the sign-in.
ALTER TABLE accounts ADD COLUMN claims_at TEXT NOT NULL DEFAULT '{}';

-- When a connection of the same person and app was last stopped before this identity connected: nothing that the issuer
-- gave up to then stands for this connection.
ALTER TABLE connections ADD COLUMN last_stop_at BIGINT;
UPDATE connections SET last_stop_at = (SELECT MAX(s.revoked_at) FROM connections s
        WHERE s.account_id = connections.account_id AND s.app_id = connections.app_id AND s.consented_at >= 0
            AND s.revoked_at <= connections.connected_at)
    WHERE status NOT IN ('revoking', 'revoked');

-- Keyed hashes by which a freeze knows somebody again whose name is erased: of the account's issuer and subject, and of
-- these with the app and the external identity. Null in rows from before, which a freeze knows by their ids.
ALTER TABLE connections ADD COLUMN account_pseudonym TEXT;
ALTER TABLE connections ADD COLUMN pseudonym TEXT;
CREATE INDEX connections_account_pseudonym ON connections (account_pseudonym, app_id)
    WHERE account_pseudonym IS NOT NULL;
-- Whom a freeze of an account or of a connection stops, whatever becomes of the row. Null for every other freeze.
ALTER TABLE freezes ADD COLUMN pseudonym TEXT;
CREATE INDEX freezes_pseudonym ON freezes (pseudonym);

-- Who was handed which access token.
CREATE INDEX ledger_handed ON ledger (connection_id, generation)
    WHERE action = 'hand_out' AND environment_id IS NULL;
