// Owns the pages that Hydra leaves to its operator: one asks who signs in, one asks whether the client may. Each hands
// the answer to Hydra's admin API, and sends the browser back. Knows no password: who names themselves is believed.
import { once } from 'node:events';
import http from 'node:http';
import { person } from '../journeys/issuer.mjs';

const page = (words, fields, button) => `<!doctype html><html lang="en"><title>${words}</title><h1>${words}</h1>
<form method="post">${fields}<button>${button}</button></form></html>`;

const pages = {
  login: page('Who are you?', '<input name="login" aria-label="Name">', 'Sign in'),
  consent: page('May this app go on?', '', 'Allow'),
};

export class LoginApp {
  static manners = { username: 'input[name=login]', login: person.sub, yes: /^(sign in|allow)$/i };

  static async start(admin) {
    const app = new LoginApp();
    app.admin = admin;
    app.server = http.createServer((request, response) => app.#answer(request, response)).listen(0, '127.0.0.1');
    await once(app.server, 'listening');
    app.url = `http://127.0.0.1:${app.server.address().port}`;
    return app;
  }

  async #answer(request, response) {
    try {
      const url = new URL(request.url, this.url);
      const kind = url.pathname.slice(1);
      const challenge = url.searchParams.get(`${kind}_challenge`);
      if (!pages[kind] || !challenge) return response.writeHead(404).end();
      const asked = await this.#ask('GET', kind, challenge);
      const typed = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
      if (request.method === 'GET' && !asked.skip) return response.writeHead(200, { 'content-type': 'text/html' }).end(pages[kind]);
      const { redirect_to } = await this.#ask('PUT', kind, challenge, this.#accepted(kind, asked, typed));
      return response.writeHead(303, { location: redirect_to }).end();
    } catch (error) {
      return response.writeHead(500).end(error.message);
    }
  }

  #accepted(kind, asked, typed) {
    if (kind === 'login') return { subject: asked.subject || typed.get('login'), remember: true };
    const { name, email } = person;
    return { grant_scope: asked.requested_scope, grant_access_token_audience: asked.requested_access_token_audience, session: { id_token: { name, email } } };
  }

  async #ask(method, kind, challenge, body) {
    const path = `/admin/oauth2/auth/requests/${kind}${method === 'PUT' ? '/accept' : ''}`;
    const answer = await fetch(`${this.admin}${path}?${kind}_challenge=${encodeURIComponent(challenge)}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
