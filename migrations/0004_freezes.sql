-- When the person last agreed, which is when the grant was issued; `connected_at` stays when they agree again.
ALTER TABLE connections ADD COLUMN consented_at BIGINT NOT NULL DEFAULT 0;
UPDATE connections SET consented_at = connected_at;
-- All of a person, whatever became of them. That `consented_at >= 0` is always so: only who says it, too, takes this
-- index, and no list is tempted.
CREATE INDEX connections_of_account ON connections (account_id, app_id, id) WHERE consented_at >= 0;

-- What a freeze is part of and ends with: a mass revoke (`rv_…`) or the deletion of an account (`ac_…`). Null for one
-- that somebody lifts.
ALTER TABLE freezes ADD COLUMN part_of TEXT;
CREATE INDEX freezes_part ON freezes (part_of);

-- Mass revokes: which connections, how fast, how far, by whom, why. `status` is running or ended. `next_at` is claimed
-- into the future by whoever works on it; `after_…` is the key of the connection that was ended last.
CREATE TABLE revokes (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    target TEXT NOT NULL,
    issued_before BIGINT NOT NULL,
    per_second BIGINT NOT NULL,
    total BIGINT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    status TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    after_app TEXT NOT NULL,
    after_account TEXT NOT NULL,
    after_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX revokes_due ON revokes (status, next_at);

-- active; deleting: its person is gone and their connections are being revoked; deleted: nothing personal is left.
ALTER TABLE accounts ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
ALTER TABLE accounts ADD COLUMN deleted_at BIGINT;
CREATE INDEX accounts_deleting ON accounts (deleted_at) WHERE status = 'deleting';
