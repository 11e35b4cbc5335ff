// An app whose own server passes a path on to the broker: everything that a person and a page do there, in a real browser with
// third-party cookies off.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import { PlatformWorld } from './platform_world.mjs';
import { app } from './world.mjs';

const path = '/.attache';

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`Behind a path of the app's own origin, with the broker on ${name}`, () => {
    let platform, world, pages, browser, page, connection;
    before(async () => {
      platform = await PlatformWorld.start(makeDatabase, { behind: path });
      ({ world, pages, browser } = platform);
    });
    tellOnFailure(() => world?.broker.log);
    after(() => platform?.stop());

    test('a person signs in, and the app’s server is not sent their session', async () => {
      page = await platform.signedIn();
      const cookies = await page.context().cookies(`${pages.web}${path}/`);
      const session = cookies.filter((cookie) => /^attache-\d+(-browser)?$/.test(cookie.name));
      assert.deepEqual(session.map((cookie) => cookie.path), [`${path}/`, `${path}/`]);
      const elsewhere = await page.context().cookies(`${pages.web}/api/foo`);
      assert.deepEqual(elsewhere.filter((cookie) => cookie.name.startsWith('attache-')), []);
    });

    test('a page gets a token from its own origin, and a plain fetch is known', async () => {
      const claims = await page.evaluate(async () => JSON.parse(atob((await Attache.session.getToken()).split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))));
      const issuer = `${pages.web}${path}`;
      assert.deepEqual([claims.iss, claims.aud, claims.azp], [issuer, issuer, pages.web]);
      const known = await page.evaluate(async () => (await fetch('/api/foo')).json());
      assert.equal(known.user, claims.sub);
    });

    test('a page that is opened after the token ran out shows the person, in one round', async () => {
      await page.context().clearCookies({ name: 'attache_session' });
      const hops = [];
      page.on('response', (response) => response.status() >= 300 && response.status() < 400 && hops.push(new URL(response.url()).pathname));
      await page.goto(`${pages.web}/account?tab=2`);
      assert.equal(page.url(), `${pages.web}/account?tab=2`);
      assert.match(await page.locator('#who').textContent(), /^ac_/);
      assert.deepEqual(hops, ['/account', `${path}/v1/session/handshake`, '/account']);
    });

    test('a person connects an app from there and comes back with it', async () => {
      await page.goto(pages.web);
      await Promise.all([page.waitForURL(`${pages.web}${path}/connect/**`), page.evaluate((key) => void Attache.connect(key, { mode: 'redirect' }), app)]);
      await page.getByRole('button', { name: /^Continue to / }).click();
      await page.waitForURL((url) => url.origin === world.issuer.url);
      await platform.walk(page);
      await page.waitForURL((url) => url.origin === pages.web);
      connection = await page.evaluate(() => Attache.connectResult());
      assert.match(connection.id, /^Et/);
      const handOut = await world.slack('apps.auth.external.get', { external_token_id: connection.id });
      assert.equal(handOut.ok, true);
    });

    test('no script of the app reads a page of ours', async () => {
      const read = await page.evaluate(async (address) => {
        const answer = await fetch(address, { credentials: 'include' });
        return [answer.status, await answer.text()];
      }, `${path}/account/connected-apps`);
      assert.equal(read[0], 403);
      assert.ok(!read[1].includes('csrf'), read[1]);
    });

    test('a person stops the app on Connected apps', async () => {
      await page.goto(`${pages.web}${path}`);
      assert.equal(page.url(), `${pages.web}${path}/`);
      await page.getByRole('main').getByRole('link', { name: 'Connected apps' }).click();
      await page.waitForURL(`${pages.web}${path}/account/connected-apps`);
      await browser.photograph(page, `behind-a-path-${name}`);
      await page.getByRole('link', { name: 'Content Writer' }).first().click();
      await page.waitForURL(`${pages.web}${path}/account/connected-apps/${connection.id}`);
      await page.locator('summary', { hasText: 'Stop access' }).click();
      await page.locator('form[action$="/revoke"]').getByRole('button', { name: 'Stop access' }).click();
      await page.waitForURL(`${pages.web}${path}/account/connected-apps/**`);
      const handOut = await world.slack('apps.auth.external.get', { external_token_id: connection.id });
      assert.equal(handOut.ok, false);
    });

    test('a person who signs out is a stranger in the app and here', async () => {
      await page.goto(pages.web);
      await page.evaluate(() => Attache.signOut({ local: true }));
      await page.waitForFunction(() => Attache.state.isLoaded && Attache.state.user === null);
      assert.equal(await page.evaluate(async () => (await fetch('/api/foo')).status), 401);
      await page.goto(`${pages.web}${path}/`);
      assert.equal(await page.getByRole('link', { name: /^sign in$/i }).count(), 1);
    });

    test('broke no page of ours', () => assert.deepEqual(browser.faults, []));
  });
}
