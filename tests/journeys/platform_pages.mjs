// Owns the pages of a platform, its backend behind them and an API on another origin, on one port of this machine and by the
// names of their hosts. Whatever they do with tokens, the package `@attache/client` does for them.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { expressAuth, verifyToken } from '../../sdk/js/dist/node.js';
import { forPage } from './bundle.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const script = here('../../sdk/js/dist/attache.js');

export class PlatformPages {
  /** What each request to `/api/foo` and to the API was judged: [host, how, user or reason]. */
  judged = [];
  /** What is particular to a page of React, by its name: `entry` its file, `other` packages, `api` the origin of its API. */
  particular = {};
  /** By which time the API judges a token. */
  timeOf = async () => Date.now();

  static async start(port, site) {
    const pages = new PlatformPages();
    pages.port = port;
    pages.web = `http://web.${site}:${port}`;
    pages.api = `http://api.${site}:${port}`;
    /** Says which bearer came, for what is no browser. */
    pages.published = `http://127.0.0.1:${port}/published`;
    pages.unlisted = `http://unlisted.${site}:${port}`;
    pages.elsewhere = `http://web.elsewhere.localhost:${port}`;
    pages.server = http.createServer((request, response) => {
      pages.#answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    pages.server.listen(port, '127.0.0.1');
    await once(pages.server, 'listening');
    return pages;
  }

  /** `keys` are the broker's, read where no browser is needed. */
  trust(url, keys) {
    this.settings = { url, keys, authorizedParties: [this.web] };
  }

  /** From now on whatever begins with the path is the broker's, at this port. Its address stays as it is. */
  passOn(path, port) {
    this.passed = { path, port };
  }

  #pass(request, response) {
    const { method, url, headers } = request;
    const asked = http.request({ host: '127.0.0.1', port: this.passed.port, method, path: url, headers });
    asked.on('response', (answer) => answer.pipe(response.writeHead(answer.statusCode, answer.rawHeaders)));
    asked.on('error', (error) => response.writeHead(502).end(String(error)));
    request.pipe(asked);
  }

  async #answer(request, response) {
    const host = `http://${request.headers.host}`;
    if (this.passed && host === this.web && request.url.startsWith(this.passed.path)) return this.#pass(request, response);
    const path = new URL(request.url, host).pathname;
    if (path === '/attache.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(await readFile(script));
    if (path === '/published') return response.end(request.headers.authorization ?? '');
    const [, example, file] = /^\/examples\/([a-z\d-]+)\/(app\.js)?$/.exec(path) ?? [];
    if (example) return this.#example(response, example, file);
    if (host === this.api) return this.#api(request, response);
    if (path === '/account') return this.#opened(request, response);
    if (path === '/api/foo') return this.#backend(request, response);
    if (path === '/favicon.ico') return response.writeHead(204).end();
    this.#page(response);
  }

  #page(response, words = '') {
    const page = `<!doctype html><html lang="en"><title>Platform</title><main><h1>Platform</h1><p id="who">${words}</p></main>
      <script src="/attache.js" data-url="${this.settings.url}"></script></html>`;
    response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  }

  /** An example, with the addresses of this world in place of its own. */
  async #example(response, example, file) {
    const { entry = here(`../../examples/${example}/app.jsx`), other, api = this.api } = this.particular[example] ?? {};
    const places = { 'https://attache.example.com': this.settings.url, 'https://api.example.com': api, 'https://hasura.example.com/v1': api };
    const placed = (words) => Object.entries(places).reduce((text, [theirs, ours]) => text.replaceAll(theirs, ours), words);
    if (file) return response.writeHead(200, { 'content-type': 'text/javascript' }).end(placed(await forPage(entry, other)));
    const react = '<!doctype html><html lang="en"><title>React</title><body data-attache="https://attache.example.com" data-api="https://api.example.com"><main><h1>React</h1><div id="root"></div></main><script src="app.js"></script></body></html>';
    const page = example.startsWith('react') ? react : await readFile(here(`../../examples/${example}/index.html`), 'utf8');
    response.writeHead(200, { 'content-type': 'text/html' }).end(placed(page));
  }

  /** A page that the backend makes for whoever is signed in. */
  #opened(request, response) {
    expressAuth({ ...this.settings, required: false })(request, response, (error) => {
      if (error) throw error;
      this.#page(response, request.auth.userId ?? 'nobody');
    });
  }

  #backend(request, response) {
    expressAuth(this.settings)(request, response, (error) => {
      if (error) throw error;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ user: request.auth.userId }));
    });
  }

  async #api(request, response) {
    const cross = { 'access-control-allow-origin': this.web, 'access-control-allow-headers': 'authorization', vary: 'origin' };
    if (request.method === 'OPTIONS') return response.writeHead(204, cross).end();
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const time = bearer && (await this.timeOf(bearer));
    const said = await verifyToken(bearer, { ...this.settings, clockTolerance: 0, now: () => time }).then(
      (claims) => [200, { user: claims.sub, session: claims.sid }],
      (error) => [401, { error: error.code }],
    );
    this.judged.push(said);
    response.writeHead(said[0], { ...cross, 'content-type': 'application/json' }).end(JSON.stringify(said[1]));
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
