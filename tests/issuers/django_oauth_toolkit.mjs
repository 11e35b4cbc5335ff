// Owns django-oauth-toolkit as one of the issuers: from PyPI into an environment of its own, in the small site that
// lies in django_project/.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folderOf } from './bring.mjs';
import { Server } from './server.mjs';

const version = '3.4.1';
const login = 'editor';
const password = 'editor-password-0123456789';
const site = fileURLToPath(new URL('django_project/', import.meta.url));

let python;

export const djangoOauthToolkit = {
  name: 'django-oauth-toolkit',
  title: 'django-oauth-toolkit',
  urlAt: (port) => `http://127.0.0.1:${port}/o`,
  profile: {},
  // It gives a refresh token to everybody, and knows no offline_access.
  app: { scopes: ['openid', 'profile', 'email'] },
  manners: { username: '#id_username', login, password, yes: /^(log in|authorize)$/i },

  async bring() {
    const folder = await folderOf(`django-oauth-toolkit-${version}`, async (half, run) => {
      await run('python3', ['-m', 'venv', half]);
      await run(join(half, 'bin', 'python'), ['-m', 'pip', 'install', '--disable-pip-version-check', `django-oauth-toolkit==${version}`]);
    });
    python = join(folder, 'bin', 'python');
    return version;
  },

  async start({ url, port, folder, clients }) {
    const env = {
      DJANGO_SETTINGS_MODULE: 'settings',
      PYTHONPATH: site,
      PYTHONDONTWRITEBYTECODE: '1',
      ISSUER_DATABASE: join(folder, 'django.db'),
      ISSUER_URL: url,
    };
    execFileSync(python, [join(site, 'register.py')], { env: { ...process.env, ...env }, input: JSON.stringify({ login, password, clients }) });
    return Server.start(python, ['-m', 'django', 'runserver', '--noreload', `127.0.0.1:${port}`], `http://127.0.0.1:${port}/o/.well-known/openid-configuration`, { env });
  },
};
