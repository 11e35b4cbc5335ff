-- The generation that an access token came with: an issuer may give the same one again and again, and what is handed out
-- is remembered by it.
ALTER TABLE connections ADD COLUMN access_generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE connections ADD COLUMN previous_access_generation BIGINT NOT NULL DEFAULT 0;
UPDATE connections SET access_generation = generation, previous_access_generation = generation - 1;
