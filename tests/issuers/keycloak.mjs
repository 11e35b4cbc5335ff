// Owns Keycloak as one of the issuers: its distribution from Maven Central, in development mode with a database in
// memory, and one realm that replaces refresh tokens at each use.
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Missing, folderOf, store } from './bring.mjs';
import { Server } from './server.mjs';

const version = '26.7.3';
const login = 'editor';
const password = 'editor-password-0123456789';

const realm = (clients) => ({
  realm: 'attache',
  enabled: true,
  sslRequired: 'none',
  revokeRefreshToken: true,
  refreshTokenMaxReuse: 0,
  users: [
    {
      username: login,
      enabled: true,
      email: 'editor@sandbox.test',
      emailVerified: true,
      firstName: 'Demo',
      lastName: 'Editor',
      credentials: [{ type: 'password', value: password, temporary: false }],
      realmRoles: ['default-roles-attache', 'offline_access'],
    },
  ],
  clients: clients.map(({ id, secret, redirectUri }) => ({
    clientId: id,
    secret,
    redirectUris: [redirectUri],
    standardFlowEnabled: true,
    publicClient: false,
    consentRequired: id !== 'attache',
    attributes: { 'pkce.code.challenge.method': 'S256' },
  })),
});

let folder;

export const keycloak = {
  name: 'keycloak',
  title: 'Keycloak',
  urlAt: (port) => `http://127.0.0.1:${port}/realms/attache`,
  profile: { profile: 'keycloak' },
  app: {},
  manners: { username: '#username', login, password, yes: /^(sign in|yes)$/i },

  async bring() {
    const java = /version "(\d+)/.exec(spawnSync('java', ['-version'], { encoding: 'utf8' }).stderr ?? '')?.[1] ?? 0;
    if (java < 17) throw new Missing('it needs Java 17 or newer; on Debian install the packages default-jdk-headless and maven');
    folder = await folderOf(`keycloak-${version}`, async (half, run) => {
      const artifact = `org.keycloak:keycloak-quarkus-dist:${version}:tar.gz`;
      const repository = `-Dmaven.repo.local=${join(store, 'maven')}`;
      await run('mvn', ['--batch-mode', '--no-transfer-progress', repository, 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack', `-Dartifact=${artifact}`, `-DoutputDirectory=${half}`, `-DmarkersDirectory=${half}`]);
    });
    return version;
  },

  async start({ url, port, adminPort, clients }) {
    const home = join(folder, `keycloak-${version}`);
    await mkdir(join(home, 'data', 'import'), { recursive: true });
    await writeFile(join(home, 'data', 'import', 'realm.json'), JSON.stringify(realm(clients)));
    const options = [`--http-host=127.0.0.1`, `--http-port=${port}`, `--http-management-port=${adminPort}`, `--hostname=${new URL(url).origin}`];
    return Server.start(join(home, 'bin', 'kc.sh'), ['start-dev', '--db=dev-mem', '--import-realm', ...options], `http://127.0.0.1:${port}/realms/attache/.well-known/openid-configuration`, {
      // Begun quickly rather than made quick.
      env: { JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m', JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1' },
    });
  },
};
