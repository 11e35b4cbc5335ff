// The broker with an issuer that it was not built beside: oidc-provider, used as an Auth0 tenant is.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeProtectedHeader } from 'jose';
import { tellOnFailure, until } from './attache.mjs';
import { databases } from './databases.mjs';
import { audience, person } from './issuer.mjs';
import { Person } from './person.mjs';
import { World, app, project } from './world.mjs';

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`With a foreign issuer, on ${name}`, () => {
    let world, someone, connection, firstToken, contentToken;
    before(async () => {
      world = await World.start(makeDatabase);
    });
    after(() => world?.stop());
    tellOnFailure(() => world?.broker.log);

    const handOut = (values = {}) => world.slack('apps.auth.external.get', { external_token_id: connection, ...values });

    const exchange = async (subject_token) => {
      const answer = await fetch(`${world.broker.url}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${world.caller.id}:${world.caller.key}`).toString('base64')}` },
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          audience: `${project}/master`,
        }),
      });
      return { status: answer.status, headers: answer.headers, body: await answer.json() };
    };

    test('a person signs in with PKCE, and the page knows their name from userinfo or the ID token', async () => {
      someone = await world.signIn();
      assert.match(world.lastPage.words, new RegExp(`${person.name}|${person.email}`));
      const [{ status, sent }] = world.issuer.exchanges;
      assert.equal(status, 200);
      assert.ok(sent.code_verifier.length >= 43, 'the code came with its verifier');
    });

    test('a stranger is asked to sign in before connecting anything', async () => {
      const page = await new Person().open(`${world.broker.url}/connect/${app}`);
      assert.equal(page.url.origin, world.issuer.url);
    });

    test('a person connects the app, and the access token is for the API that the app named', async () => {
      connection = await world.connect(someone);
      const [{ given }] = world.issuer.granted(app, 'authorization_code');
      assert.ok(given.refresh_token, 'the issuer gave a refresh token');
      const { ok, external_token } = await handOut();
      assert.equal(ok, true);
      assert.equal(external_token, given.access_token);
      assert.equal(JSON.parse(Buffer.from(external_token.split('.')[1], 'base64url')).aud, audience);
      firstToken = external_token;
    });

    test('a hand-out that is still good asks the issuer nothing', async () => {
      await handOut();
      assert.equal(world.issuer.granted(app, 'refresh_token').length, 0);
    });

    test('a forced refresh rotates the refresh token once, however many ask at the same time', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => handOut({ force_refresh: 'true' })));
      const [first, ...more] = world.issuer.granted(app, 'refresh_token');
      assert.deepEqual(more, [], 'one refresh reached the issuer');
      assert.notEqual(first.given.refresh_token, first.sent.refresh_token, 'the issuer rotated');
      assert.notEqual(first.given.access_token, firstToken);
      for (const answer of answers) assert.deepEqual(answer, { ...answer, ok: true, external_token: first.given.access_token });
    });

    test('a backend gets the same token as JSON, with its remaining life', async () => {
      const answer = await fetch(`${world.broker.url}/v1/connections/${connection}/token`, {
        method: 'POST',
        headers: { authorization: `Bearer ${world.caller.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ min_ttl: 60 }),
      });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      const body = await answer.json();
      assert.equal(body.access_token, world.issuer.granted(app, 'refresh_token')[0].given.access_token);
      assert.equal(body.token_type, 'Bearer');
      assert.ok(body.expires_in > 60 && body.expires_in <= 3600, `${body.expires_in}`);
    });

    test('the access token becomes a short-lived content token that says who, through which app and caller', async () => {
      const { external_token } = await handOut();
      const { status, headers, body } = await exchange(external_token);
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal(body.token_type, 'Bearer');
      assert.match(body.issued_token_type, /^urn:ietf:params:oauth:token-type:(access_token|jwt)$/);
      assert.ok(body.expires_in > 0 && body.expires_in <= 300, `${body.expires_in}`);
      contentToken = body.access_token;
      assert.equal(decodeProtectedHeader(contentToken).typ, 'at+jwt');
      const { payload } = await world.content.read(contentToken);
      assert.match(payload.sub, /^ac_/);
      assert.equal(payload.client_id, world.caller.id);
      assert.equal(payload.app, app);
      assert.deepEqual(payload.act, { sub: world.caller.id });
      assert.deepEqual(payload.sub_id, { format: 'iss_sub', iss: world.issuer.url, sub: person.sub });
      assert.deepEqual(payload.scope.split(' ').sort(), ['content:read', 'content:write']);
      assert.ok(payload.jti && payload.exp - payload.iat <= 300);
    });

    test('after Stop access no token is given out, and the page says so', async () => {
      const token = (await handOut()).external_token;
      const receipt = await world.stopAccess(someone, connection);
      assert.match(receipt.words, /\bReceipt\b/);
      assert.deepEqual((await handOut()).error, 'token_not_found');
      const { status, body } = await exchange(token);
      assert.deepEqual([status, body.error], [400, 'invalid_request'], 'the old access token is no way back in');
    });

    test('the revoke reaches the issuer, where the refresh token is dead', async () => {
      const { refresh_token } = world.issuer.granted(app, 'refresh_token').at(-1).given;
      await until('the revocation to reach the issuer', () => world.issuer.revocations.includes(refresh_token));
      assert.equal((await world.issuer.refresh(app, refresh_token)).error, 'invalid_grant');
    });

    test('no token, key or secret was ever logged, at the debug level', async () => {
      const secrets = [
        world.caller.key,
        contentToken,
        ...world.issuer.clients.map((client) => client.client_secret),
        ...world.issuer.exchanges.flatMap(({ sent, given }) => [sent.code, sent.code_verifier, given.access_token, given.refresh_token, given.id_token]),
      ].filter(Boolean);
      assert.ok(secrets.length > 10);
      assert.deepEqual(secrets.filter((secret) => world.broker.log.includes(secret)), []);
    });
  });
}
