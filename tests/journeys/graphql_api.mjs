// Owns a GraphQL API that PostGraphile makes of a database: whoever holds a token of the broker is the role that the token
// says, and sees the rows that the database lets that person see. Believes only the broker's published keys.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { postgraphile } from 'postgraphile';
import { databases, psql } from './databases.mjs';

/** Each person has posts of their own; `role` is what their tokens say that they are. */
const schema = (role) => `
  CREATE ROLE ${role} NOLOGIN;
  CREATE TABLE post (
    id SERIAL PRIMARY KEY,
    author TEXT NOT NULL DEFAULT current_setting('jwt.claims.email'),
    title TEXT NOT NULL
  );
  INSERT INTO post (author, title) VALUES ('somebody@else.example', 'Not yours');
  ALTER TABLE post ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON post USING (author = current_setting('jwt.claims.email', true));
  GRANT SELECT, INSERT ON post TO ${role};
  GRANT USAGE ON SEQUENCE post_id_seq TO ${role};`;

export class GraphqlApi {
  role = `writer_${randomBytes(6).toString('hex')}`;

  static async start() {
    const api = new GraphqlApi();
    api.database = await databases.PostgreSQL();
    await psql(schema(api.role), api.database.url);
    const pgSettings = ({ claims }) => ({ role: claims.role, 'jwt.claims.email': claims.email });
    const options = { pgSettings, disableQueryLog: true, disableDefaultMutations: false, dynamicJson: true };
    api.serve = postgraphile(api.database.url, 'public', options);
    api.server = http.createServer((request, response) => api.#answer(request, response)).listen(0, '127.0.0.1');
    await once(api.server, 'listening');
    api.url = `http://127.0.0.1:${api.server.address().port}/graphql`;
    return api;
  }

  /** The broker and the environment whose content tokens are good here. */
  trust(issuer, audience) {
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
    this.read = (token) => jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt' });
  }

  async #answer(request, response) {
    try {
      const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
      request.claims = (await this.read(token)).payload;
    } catch (error) {
      return response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ message: error.message }] }));
    }
    return this.serve(request, response);
  }

  /** Asks with a token; the status and the answer. */
  async ask(token, query) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(this.url, { method: 'POST', headers, body: JSON.stringify({ query }) });
    return { status: answer.status, ...(await answer.json()) };
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.serve.release?.();
    await this.database.drop();
    await psql(`DROP ROLE ${this.role}`);
  }
}
