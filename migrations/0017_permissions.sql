-- What an environment's configuration says beside who may reach it: names, region, stage, roles, public permissions. JSON.
ALTER TABLE environments ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
-- Whether an operator opened it to requests without a token, as documented, where the configuration says nothing of it.
ALTER TABLE environments ADD COLUMN public_defaults BIGINT NOT NULL DEFAULT 0;
-- What an app may do at any environment at the most: a JSON array of permissions. Null for no bound of its own.
ALTER TABLE apps ADD COLUMN permissions TEXT;
-- A hash of the permissions that a content token was made with: it is handed out again only while they are the same.
-- `scope` names what was asked for.
ALTER TABLE content_tokens ADD COLUMN permissions TEXT NOT NULL DEFAULT '';
-- Grows by one when the person agrees anew, or chooses otherwise: content tokens name it.
ALTER TABLE connections ADD COLUMN consent_version BIGINT NOT NULL DEFAULT 1;
