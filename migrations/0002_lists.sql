-- Lists of connections are read by key: a page is one range of an index, whichever page it is and however many
-- connections there are. What is sorted by is therefore a column, and what is filtered by leads an index.

DROP INDEX connections_account;
DROP INDEX connections_app;
DROP INDEX connections_live;

-- When it was last used, else connected: the order of a person's list.
ALTER TABLE connections ADD COLUMN listed_at BIGINT NOT NULL DEFAULT 0;
UPDATE connections SET listed_at = COALESCE(last_used_at, connected_at);

-- A person's list is read in two parts, what waits for the person and then the rest, each whole and by app. A
-- connection is in one part at a time, and in none once it is revoked. That `connected_at >= 0` is always so: who does
-- not say it, too, is kept from taking these indexes for those of a caller's list, which planners otherwise did.
CREATE INDEX connections_waiting ON connections (account_id, listed_at, id)
    WHERE status = 'needs_reconnect' AND connected_at >= 0;
CREATE INDEX connections_waiting_of_app ON connections (account_id, app_id, listed_at, id)
    WHERE status = 'needs_reconnect' AND connected_at >= 0;
CREATE INDEX connections_listed ON connections (account_id, listed_at, id)
    WHERE status NOT IN ('needs_reconnect', 'revoked') AND connected_at >= 0;
CREATE INDEX connections_listed_of_app ON connections (account_id, app_id, listed_at, id)
    WHERE status NOT IN ('needs_reconnect', 'revoked') AND connected_at >= 0;

-- A caller's list goes by account within an app: nothing of this order ever changes.
CREATE INDEX connections_app ON connections (app_id, account_id, id);
CREATE INDEX connections_app_status ON connections (app_id, status, account_id, id);

-- The same rule as before, in the order in which an external identity is looked for.
CREATE UNIQUE INDEX connections_live ON connections (app_id, external_issuer, external_subject, account_id)
    WHERE status NOT IN ('revoking', 'revoked');
