// Owns a content platform that believes only the broker's published keys: whoever holds a content token made for it reads its
// entries or makes one, from any page, and it remembers in whose name. Knows no other way in.
import { once } from 'node:events';
import http from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

export class ContentPlatform {
  entries = [];

  static async start(port, path) {
    const platform = new ContentPlatform();
    platform.url = `http://127.0.0.1:${port}${path}`;
    platform.server = http.createServer((request, response) => platform.#answer(request, response)).listen(port, '127.0.0.1');
    await once(platform.server, 'listening');
    return platform;
  }

  /** The broker whose content tokens are good here. */
  trust(issuer) {
    this.issuer = issuer;
    this.keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  }

  /** The claims of a content token, if it is one of ours. */
  async read(token) {
    const options = { issuer: this.issuer, audience: this.url, typ: 'at+jwt', algorithms: ['EdDSA', 'Ed25519'] };
    return jwtVerify(token, this.keys, options);
  }

  async #answer(request, response) {
    const cross = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'authorization, content-type' };
    const say = (status, body) => response.writeHead(status, { ...cross, 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method === 'OPTIONS') return response.writeHead(204, cross).end();
    try {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      const { payload } = await this.read(request.headers.authorization?.replace(/^Bearer /, '') ?? '');
      const { query, variables } = JSON.parse(body);
      const needed = query.startsWith('mutation') ? 'content:write' : 'content:read';
      if (!payload.scope.split(' ').includes(needed)) return say(403, { errors: [{ message: 'not allowed' }] });
      if (needed === 'content:read') return say(200, { data: { entries: this.entries.map(({ title }) => ({ title })) } });
      const [, mutation] = /\{\s*(create\w+)\s*\(/.exec(query);
      this.entries.push({ ...variables.data, by: payload });
      return say(200, { data: { [mutation]: { id: `entry${this.entries.length}` } } });
    } catch (error) {
      return say(401, { errors: [{ message: error.message }] });
    }
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
