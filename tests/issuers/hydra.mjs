// Owns Ory Hydra as one of the issuers: a Go program with its database in memory. It has no pages: login_app.mjs is
// what its operator builds for that.
import { goProgram } from './bring.mjs';
import { LoginApp } from './login_app.mjs';
import { Server } from './server.mjs';

const version = 'v2.3.0';

let program;

const client = ({ id, secret, redirectUri, scopes }) => ({
  client_id: id,
  client_secret: secret,
  client_name: id,
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: scopes.join(' '),
  token_endpoint_auth_method: 'client_secret_post',
});

async function register(admin, clients) {
  for (const each of clients) {
    const answer = await fetch(`${admin}/admin/clients`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(client(each)) });
    if (!answer.ok) throw new Error(`hydra refuses the client ${each.id}: ${await answer.text()}`);
  }
}

export const hydra = {
  name: 'hydra',
  title: 'Ory Hydra',
  urlAt: (port) => `http://127.0.0.1:${port}`,
  profile: { profile: 'hydra' },
  app: {},
  manners: LoginApp.manners,

  async bring() {
    program = await goProgram('hydra', {
      version,
      source: 'github.com/ory/hydra/v2',
      get: `github.com/ory/hydra/v2@${version}`,
      // As in its own module file, which counts only there.
      replace: ['github.com/gobuffalo/pop/v6=github.com/ory/pop/v6@v6.2.1-0.20241121111754-e5dfc0f3344b'],
      tags: 'sqlite',
      cgo: true,
    });
    return version;
  },

  async start({ url, port, adminPort, clients }) {
    const admin = `http://127.0.0.1:${adminPort}`;
    const pages = await LoginApp.start(admin);
    const server = await Server.start(program, ['serve', 'all', '--dev'], `http://127.0.0.1:${port}/health/ready`, {
      env: {
        DSN: 'memory',
        SECRETS_SYSTEM: 'a-secret-of-the-system-0123456789',
        URLS_SELF_ISSUER: url,
        URLS_LOGIN: `${pages.url}/login`,
        URLS_CONSENT: `${pages.url}/consent`,
        SERVE_PUBLIC_HOST: '127.0.0.1',
        SERVE_PUBLIC_PORT: `${port}`,
        SERVE_ADMIN_HOST: '127.0.0.1',
        SERVE_ADMIN_PORT: `${adminPort}`,
      },
    });
    await register(admin, clients);
    return {
      async stop() {
        await server.stop();
        await pages.stop();
      },
      get log() {
        return server.log;
      },
    };
  },
};
