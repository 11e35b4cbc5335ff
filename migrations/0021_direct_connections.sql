-- Whether an app may show its own tokens of people who have not agreed here, and what it may then do at content platforms:
-- `read` or `write`. Null: it may not.
ALTER TABLE apps ADD COLUMN direct TEXT;
-- 1: nobody agreed to it here. Its app signs people in by itself and holds the tokens; here there are none.
ALTER TABLE connections ADD COLUMN direct BIGINT NOT NULL DEFAULT 0;

-- When somebody whose account is erased last stopped an app: what they stopped does not come back when they sign in anew.
-- The person is the keyed hash of `connections.account_pseudonym`, and nothing else is kept of them.
CREATE TABLE erased_stops (
    app_id TEXT NOT NULL REFERENCES apps (id),
    account_pseudonym TEXT NOT NULL,
    stopped_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, account_pseudonym)
);
