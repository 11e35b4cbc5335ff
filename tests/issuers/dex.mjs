// Owns dex as one of the issuers: a Go program with its storage in memory and one static password.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { goProgram } from './bring.mjs';
import { Server } from './server.mjs';

const version = 'v2.41.1';
// dex tags its versions in a way that Go modules don't take: this is that version's commit.
const commit = 'v0.0.0-20240807174518-43956db7fd75';
const login = 'editor@sandbox.test';
const password = 'password';

const config = ({ url, port, clients }) => ({
  issuer: url,
  storage: { type: 'memory' },
  web: { http: `127.0.0.1:${port}` },
  oauth2: { alwaysShowLoginScreen: false },
  expiry: { refreshTokens: { disableRotation: false, reuseInterval: '3s' } },
  enablePasswordDB: true,
  staticPasswords: [
    // bcrypt of "password".
    { email: login, username: 'Demo Editor', userID: 'editor-1', hash: '$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W' },
  ],
  staticClients: clients.map(({ id, secret, redirectUri }) => ({ id, secret, name: id, redirectURIs: [redirectUri] })),
});

let program;

export const dex = {
  name: 'dex',
  title: 'dex',
  urlAt: (port) => `http://127.0.0.1:${port}/dex`,
  profile: { profile: 'dex', revocation_reach: 'none', leeway_seconds: 2 },
  app: {},
  manners: { username: '#login', login, password, yes: /^(login|grant access)$/i },

  async bring() {
    program = await goProgram('dex', {
      version,
      source: 'github.com/dexidp/dex/cmd/dex',
      get: `github.com/dexidp/dex/cmd/dex@${commit}`,
      // As in its own module file, by a path that counts only there.
      also: ['github.com/dexidp/dex/api/v2@v2.2.0'],
      // It reads the configuration of a SQLite storage, which it has only so.
      cgo: true,
    });
    return version;
  },

  async start({ url, port, folder, clients }) {
    const file = join(folder, 'dex.json');
    // What is JSON is YAML.
    await writeFile(file, JSON.stringify(config({ url, port, clients })));
    return Server.start(program, ['serve', file], `http://127.0.0.1:${port}/dex/.well-known/openid-configuration`);
  },
};
