-- What a person sees of the places where they are signed in. The rest of a session stays sealed.
ALTER TABLE sessions ADD COLUMN signed_in_at BIGINT;
ALTER TABLE sessions ADD COLUMN used_at BIGINT;
ALTER TABLE sessions ADD COLUMN browser TEXT;
