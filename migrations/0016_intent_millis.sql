-- What its second leaves of the moment `intent_at`, in milliseconds: an overlap of a few seconds is too short for whole ones.
-- Null: at the second's beginning, which is never too late. Means nothing without `intent_at`.
ALTER TABLE connections ADD COLUMN intent_millis BIGINT;
