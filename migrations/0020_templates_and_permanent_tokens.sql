-- Named claims of tokens that we sign, as `[templates.NAME]` of the configuration file said them when a server last started:
-- every server goes by these.
CREATE TABLE templates (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- The template whose claims its minted tokens have beside ours.
ALTER TABLE environments ADD COLUMN template TEXT;
