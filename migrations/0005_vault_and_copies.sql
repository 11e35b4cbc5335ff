-- The master keys that this vault is or was under, by their ids, which tell nothing of them. status: current, previous
-- (data keys are still being wrapped anew), retired (it wraps nothing that can be opened).
CREATE TABLE vault_masters (
    kid TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    since BIGINT NOT NULL,
    retired_at BIGINT
);
INSERT INTO vault_masters (kid, status, since)
    SELECT master_kid, 'current', created_at FROM vault_keys WHERE purpose = 'check';
-- Data keys are wrapped anew in order, those of one master key after another.
DROP INDEX vault_keys_master;
CREATE INDEX vault_keys_master ON vault_keys (master_kid, kid);

-- The servers that run on this database, where there can be several: the ids of the master keys that each was given, the
-- one by which it wraps, and when it was last seen.
CREATE TABLE replicas (
    id TEXT PRIMARY KEY,
    master_kids TEXT NOT NULL,
    wraps TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- What tells an old copy of this database from the newest: one row, whose id is 1. On SQLite the same stands in a file
-- beside it (epoch and changes); on PostgreSQL the cluster (system identifier and timeline) says when it is another one.
CREATE TABLE copy_mark (
    id BIGINT PRIMARY KEY,
    epoch TEXT NOT NULL,
    changes BIGINT NOT NULL,
    cluster TEXT
);

-- Old copies that were put in this database's place: found out, or named by the operator; open until the operator says
-- that it is to be used. `newest_at` is the last thing that the copy knows of,
-- `waiting` how many connections wait for that word.
CREATE TABLE restores (
    id TEXT PRIMARY KEY,
    found_at BIGINT NOT NULL,
    why TEXT NOT NULL,
    newest_at BIGINT,
    waiting BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX restores_open ON restores (found_at) WHERE done_at IS NULL;
