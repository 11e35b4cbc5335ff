-- The house has one key that seals and those before it, which still open what they sealed. `seals_from` is when a key of
-- the house begins to seal, which others are told before; `uses` how often it may have sealed so far, counted in blocks.
ALTER TABLE vault_keys ADD COLUMN seals_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE vault_keys ADD COLUMN uses BIGINT NOT NULL DEFAULT 0;
DROP INDEX vault_keys_single;
-- Replicas that boot at once end with one.
CREATE UNIQUE INDEX vault_keys_check ON vault_keys (purpose) WHERE purpose = 'check';
CREATE INDEX vault_keys_few ON vault_keys (purpose) WHERE purpose IN ('check', 'house');

-- When a signing key begins to sign. It is published before, and for a while after another has followed it.
ALTER TABLE signing_keys ADD COLUMN signs_from BIGINT NOT NULL DEFAULT 0;

-- A restored copy that waits for the operator's word hands out nothing of what was agreed to before.
INSERT INTO freezes (id, scope, target, issued_before, reason, actor, part_of, created_at)
    SELECT 'fr_' || id, 'all', '', found_at + 1, 'a restored copy waits for `attache restore done`', 'operator',
        'the restored copy', found_at
    FROM restores WHERE done_at IS NULL;
