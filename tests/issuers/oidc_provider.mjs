// Owns oidc-provider as one of the issuers: it comes by npm with the journeys, and runs in this process.
import { createRequire } from 'node:module';
import { Issuer, audience, person } from '../journeys/issuer.mjs';

export const oidcProvider = {
  name: 'oidc-provider',
  title: 'oidc-provider',
  urlAt: (port) => `http://127.0.0.1:${port}`,
  profile: { revocation_reach: 'grant' },
  // Without prompt=consent it gives no offline_access (OpenID Connect Core section 11).
  app: { audience, authorization_url_extras: { prompt: 'consent' } },
  manners: { username: 'input[name=login]', login: person.sub, password: 'any', yes: /^(sign-in|continue)$/i },

  bring: async () => createRequire(new URL('../journeys/', import.meta.url))('oidc-provider/package.json').version,

  async start({ url, port, clients }) {
    const registered = clients.map(({ id, secret, redirectUri }) => ({ client_id: id, client_secret: secret, redirect_uris: [redirectUri] }));
    return Issuer.start(new URL(url).port, registered, port);
  },
};
