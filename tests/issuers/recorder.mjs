// Owns the door of an issuer: everything passes it unchanged, and what was asked of the token and revocation endpoints
// is remembered. So a test knows tokens that the broker tells nobody. Judges nothing.
import { once } from 'node:events';
import http from 'node:http';

const asForm = (body) => Object.fromEntries(new URLSearchParams(`${body}`));

const asJson = (body) => {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
};

export class Recorder {
  /** Every token request that was answered: its grant, and what was sent and given. */
  exchanges = [];
  /** Every token that somebody asked to revoke, with the status of the answer. */
  revocations = [];

  /** Listens on one port of this machine, in front of another. */
  static async start(port, behind) {
    const recorder = new Recorder();
    recorder.server = http.createServer((request, response) => recorder.#pass(request, response, behind)).listen(port, '127.0.0.1');
    await once(recorder.server, 'listening');
    return recorder;
  }

  async #pass(request, response, port) {
    try {
      const sent = Buffer.concat(await request.toArray());
      const { method, url: path, headers } = request;
      const asked = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false }).end(sent);
      const [answer] = await once(asked, 'response');
      const given = Buffer.concat(await answer.toArray());
      if (method === 'POST') this.#remember(path, asForm(sent), answer.statusCode, given);
      response.writeHead(answer.statusCode, answer.rawHeaders).end(given);
    } catch {
      response.writeHead(502).end();
    }
  }

  #remember(path, sent, status, given) {
    if (sent.grant_type) this.exchanges.push({ grant: sent.grant_type, sent, status, given: asJson(given) });
    else if (/revo/.test(path) && sent.token) this.revocations.push({ token: sent.token, status });
  }

  /** The last refresh token that was given out, or undefined. */
  get lastRefreshToken() {
    return this.exchanges.findLast(({ given }) => given?.refresh_token)?.given.refresh_token;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
