// Owns a foreign issuer: oidc-provider, set up as an Auth0 tenant is used (PKCE, rotating refresh tokens, JWT
// access tokens per API) and different where it may be (resource for audience, claims only at userinfo, no final
// slash in its name). Records what it was asked; knows nothing of the broker but its redirect URIs.
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import Provider from 'oidc-provider';

export const audience = 'https://management.sandbox.test/';

export const person = { sub: 'foreign-1', name: 'Demo Editor', email: 'editor@sandbox.test', email_verified: true };

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'foreign-key' };
}

export class Issuer {
  /** Every token request that was answered: its grant, and what was sent and given. */
  exchanges = [];
  /** Every token that somebody asked to revoke. */
  revocations = [];

  /** `listen` is another port where something stands in front of the issuer. */
  static async start(port, clients, listen = port) {
    const issuer = new Issuer();
    issuer.url = `http://127.0.0.1:${port}`;
    issuer.clients = clients;
    const provider = new Provider(issuer.url, {
      clients: clients.map((client) => ({
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_post',
        ...client,
      })),
      claims: { profile: ['name'], email: ['email', 'email_verified'] },
      findAccount: (_, sub) => (sub === person.sub ? { accountId: sub, claims: () => person } : undefined),
      pkce: { required: () => true },
      rotateRefreshToken: true,
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      features: {
        revocation: { enabled: true },
        resourceIndicators: {
          enabled: true,
          // An Auth0 token request names no audience: the code remembers it.
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: 'content:read content:write',
            audience,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 3600,
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
      cookies: { keys: ['foreign-issuer'], names: { session: 'foreign_session', interaction: 'foreign_interaction', resume: 'foreign_resume' } },
      jwks: { keys: [signingKey()] },
      ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 86_400, IdToken: 300, Interaction: 600, RefreshToken: 86_400, Session: 86_400 },
    });
    provider.use(async (context, next) => {
      await next();
      const { route, params } = context.oidc ?? {};
      if (route === 'revocation') issuer.revocations.push(params.token);
      if (route === 'token') issuer.exchanges.push({ grant: params.grant_type, sent: { ...params }, status: context.status, given: context.body });
    });
    issuer.server = http.createServer(provider.callback()).listen(listen, '127.0.0.1');
    await once(issuer.server, 'listening');
    return issuer;
  }

  /** The token requests of one client and grant that succeeded. */
  granted(client, grant) {
    return this.exchanges.filter((each) => each.status === 200 && each.grant === grant && each.given.access_token && each.sent.client_id === client);
  }

  /** Walks a person from our first page to the page where the client takes over again. */
  async walk(someone, page) {
    while (page.url.origin === this.url) {
      const asksWho = page.forms.some((form) => form.inputs.some((input) => input.name === 'login'));
      page = await someone.press(page, asksWho ? /sign-in/i : /continue/i, { login: person.sub, password: 'any' });
    }
    return page;
  }

  /** The same in a real browser. */
  async walkIn(page) {
    await page.waitForLoadState();
    while (new URL(page.url()).origin === this.url) {
      const login = page.locator('input[name=login]');
      if (await login.count()) {
        await login.fill(person.sub);
        await page.locator('input[name=password]').fill('any');
      }
      await Promise.all([page.waitForEvent('framenavigated'), page.locator('button[type=submit]').click()]);
      await page.waitForLoadState();
    }
  }

  /** What we say to a refresh token that its client presents now. */
  async refresh(client, refreshToken) {
    const { client_id, client_secret } = this.clients.find((each) => each.client_id === client);
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id, client_secret });
    return (await fetch(`${this.url}/token`, { method: 'POST', body })).json();
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
