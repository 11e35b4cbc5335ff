// Owns the pages of a single-page app, on a site of its own: the example's files, the package that they load, and what the
// operator of the app writes into `auth_config.json`.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

const example = (name) => new URL(`../../examples/auth0-spa/${name}`, import.meta.url);
const files = {
  '/': ['text/html', example('index.html')],
  '/app.js': ['text/javascript', example('app.js')],
  '/auth0-spa-js.production.js': ['text/javascript', new URL('node_modules/@auth0/auth0-spa-js/dist/auth0-spa-js.production.js', import.meta.url)],
};

export class SpaPages {
  static async start(port) {
    const pages = new SpaPages();
    pages.url = `http://reader.localhost:${port}/`;
    pages.server = http.createServer((request, response) => pages.#answer(request, response)).listen(port, '127.0.0.1');
    await once(pages.server, 'listening');
    return pages;
  }

  /** The example's own configuration, with these values in place of its own. */
  async configure(values) {
    const shown = JSON.parse(await readFile(fileURLToPath(example('auth_config.json.example')), 'utf8'));
    this.config = { ...shown, ...values };
  }

  async #answer(request, response) {
    const { pathname } = new URL(request.url, this.url);
    const say = (type, body) => response.writeHead(200, { 'content-type': type }).end(body);
    if (pathname === '/auth_config.json') return say('application/json', JSON.stringify(this.config));
    const [type, file] = files[pathname] ?? [];
    return file ? say(type, await readFile(file)) : response.writeHead(404).end();
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
