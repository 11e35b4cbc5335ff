// Owns the API of a third party, which believes access tokens of the foreign issuer and nothing of ours. It remembers in whose
// name it was asked, and is busy for as many requests as it is told.
import { once } from 'node:events';
import http from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { audience } from './issuer.mjs';

export class ThirdPartyApi {
  entries = [];
  /** How many of the next requests are answered 429, to come back after a second. */
  busy = 0;

  static async start(issuer) {
    const api = new ThirdPartyApi();
    const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
    api.read = (token) => jwtVerify(token, keys, { issuer, audience });
    api.server = http.createServer((request, response) => api.#answer(request, response)).listen(0, '127.0.0.1');
    await once(api.server, 'listening');
    api.url = `http://127.0.0.1:${api.server.address().port}/entries`;
    return api;
  }

  async #answer(request, response) {
    const say = (status, body, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (this.busy > 0) {
      this.busy -= 1;
      return say(429, {}, { 'retry-after': '1' });
    }
    try {
      const { payload } = await this.read(request.headers.authorization?.replace(/^Bearer /, '') ?? '');
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      this.entries.push({ ...JSON.parse(body), by: payload.sub });
      return say(200, { id: `entry${this.entries.length}` });
    } catch (error) {
      return say(401, { message: error.message });
    }
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
