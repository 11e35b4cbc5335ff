-- Whether the database takes a write: one row that each server rewrites every few seconds.
CREATE TABLE pulse (
    id TEXT NOT NULL PRIMARY KEY,
    beaten_at BIGINT NOT NULL
);
