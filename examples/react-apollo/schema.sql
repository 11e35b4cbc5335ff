-- Notes that only their author sees. As in Hasura, `hasura.user` holds the claims of whoever asks.
CREATE ROLE note_keeper NOLOGIN;

CREATE FUNCTION who_asks() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT current_setting('hasura.user', true)::json ->> 'x-hasura-user-id'
$$;
COMMENT ON FUNCTION who_asks IS '@omit';

CREATE TABLE note (
  id serial PRIMARY KEY,
  author text NOT NULL DEFAULT who_asks(),
  words text NOT NULL
);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON note USING (author = who_asks());

GRANT SELECT, INSERT ON note TO note_keeper;
GRANT USAGE ON SEQUENCE note_id_seq TO note_keeper;
