// Owns a host platform that vouches for its own users, made as docs/connect-sessions.md says: its keys by the document's commands,
// its words and links by the document's code, and its two pages. Asserts nothing.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const document = await readFile(new URL('../../docs/connect-sessions.md', import.meta.url), 'utf8');

/** The document's block that holds this text. */
function block(language, holding) {
  const blocks = [...document.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text]) => text);
  const found = blocks.filter((text) => text.includes(holding));
  if (found.length !== 1) throw new Error(`${found.length} blocks hold ${holding}`);
  return found[0];
}

export const python = block('python', 'def user_token');
export const request = block('sh', '/v1/connect-sessions');

export class HostPlatform {
  static async start(port) {
    const platform = new HostPlatform();
    platform.url = `http://127.0.0.1:${port}`;
    platform.directory = await mkdtemp(join(tmpdir(), 'attache-platform-'));
    const here = { cwd: platform.directory };
    await run('bash', ['-euc', block('sh', 'openssl genpkey')], here);
    await writeFile(join(platform.directory, 'key-set.mjs'), block('js', 'key-set.mjs'));
    platform.keys = (await run(process.execPath, ['key-set.mjs'], here)).stdout;
    platform.server = http.createServer((asked, answer) => {
      platform.#answer(asked, answer).catch((error) => answer.writeHead(500).end(String(error)));
    });
    platform.server.listen(port, '127.0.0.1');
    await once(platform.server, 'listening');
    return platform;
  }

  /** What the operator says of it. */
  section(callers) {
    return { name: 'Acme', issuer: 'https://app.acme.example', jwks: this.keys, callers, return_origins: [this.url] };
  }

  /** Its backend, by the document's code, toward this broker. */
  async meet(broker, key) {
    const code = block('js', 'export async function connectLink')
      .replace('https://attache.example.com', broker)
      .replace('readFileSync("platform.pem")', `readFileSync(${JSON.stringify(join(this.directory, 'platform.pem'))})`)
      .replace('process.env.API_KEY', JSON.stringify(key));
    const file = join(this.directory, 'connect.mjs');
    await writeFile(file, code);
    this.backend = await import(pathToFileURL(file));
  }

  link(user, app = 'notion', page = `${this.url}/connected`) {
    return this.backend.connectLink(user, app, page);
  }

  async #answer(asked, answer) {
    const { pathname } = new URL(asked.url, this.url);
    const page = (script) => answer.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>Acme</title>${script}`);
    if (pathname === '/connect-link') return answer.end(await this.link(this.user));
    if (pathname === '/connected') return page(`<script type="module">${this.stays ? '' : block('js', 'The page at return_to')}</script>`);
    if (pathname === '/framing') return page(`<iframe src="${await this.link(this.user)}"></iframe>`);
    page(`<button>Connect</button><script type="module">
      document.querySelector('button').onclick = async () => { ${block('js', 'The page that opens it')} };
    </script>`);
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await rm(this.directory, { recursive: true, force: true });
  }
}
