-- Each algorithm has its own line of signing keys. `follows` is the key before, or the algorithm itself for the first of its
-- line: nothing is followed twice, however many servers are at it.
ALTER TABLE signing_keys ADD COLUMN follows TEXT;
CREATE UNIQUE INDEX signing_keys_follows ON signing_keys (follows);

-- By which algorithm the tokens of an environment are signed, and by which they were before: they still are while verifiers may
-- not know the first key of the new one.
ALTER TABLE environments ADD COLUMN algorithm TEXT NOT NULL DEFAULT 'EdDSA';
ALTER TABLE environments ADD COLUMN algorithm_before TEXT;
