-- A sign-in that is under way is sealed into a cookie of its browser. What is kept here is which of them were used, for as
-- long as one lives, so that none is used twice.
DROP TABLE sign_in_attempts;
CREATE TABLE used_sign_ins (
    state_hash TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_sign_ins_expiry ON used_sign_ins (expires_at);
