// Pages of a platform in a real browser, on the broker's site and elsewhere: `getToken`, plain fetches, tabs, sign-out, a page
// that is opened after its token ran out, and an app that is connected from there.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import { PlatformWorld } from './platform_world.mjs';
import { app } from './world.mjs';

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`Pages of a platform, with the broker on ${name}`, () => {
    let platform, world, pages, browser;
    before(async () => {
      platform = await PlatformWorld.start(makeDatabase);
      ({ world, pages, browser } = platform);
    });
    tellOnFailure(() => world?.broker.log);
    after(() => platform?.stop());
    const signedIn = () => platform.signedIn();
    const walk = (page) => platform.walk(page);

    /** Requests for tokens that leave a page from now on. */
    const counted = (page) => {
      const asked = [];
      page.on('request', (request) => request.method() === 'POST' && /\/v1\/session\/tokens/.test(request.url()) && asked.push(request.url()));
      return asked;
    };
    const callApi = (page) => platform.callApi(page);

    test('get a token that an API of another origin takes', async () => {
      const page = await signedIn();
      const asked = counted(page);
      const [status, said] = await callApi(page);
      assert.equal(status, 200);
      assert.match(said.user, /^ac_/);
      assert.match(said.session, /^se_/);
      await callApi(page);
      assert.ok(asked.length <= 1, `one request for both: ${asked}`);
      const claims = await page.evaluate(async () => JSON.parse(atob((await Attache.session.getToken('hasura')).split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))));
      assert.deepEqual([claims['x-role'], claims.sub, claims.azp, claims.sid], ['user', said.user, pages.web, undefined]);
    });

    test('are known to their own backend by a plain fetch, and to nobody elsewhere', async () => {
      const page = await signedIn();
      await page.evaluate(() => Attache.session.getToken());
      const own = await page.evaluate(async () => (await fetch('/api/foo')).json());
      assert.match(own.user, /^ac_/);
      const posted = await page.evaluate(async () => (await fetch('/api/foo', { method: 'POST' })).status);
      assert.equal(posted, 200);
      const forged = await browser.open();
      await forged.context().addCookies(await page.context().cookies());
      await forged.goto(pages.unlisted);
      const status = forged.waitForResponse(`${pages.web}/api/foo`).then((response) => response.status());
      await forged.evaluate((url) => void fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }), `${pages.web}/api/foo`);
      assert.equal(await status, 401, 'a page of the same site may send the cookie, and it does not count');
    });

    test('of origins that are not listed, or of another site, get nothing', async () => {
      const page = await signedIn();
      for (const origin of [pages.unlisted, pages.elsewhere]) {
        await page.goto(origin);
        const read = await page.evaluate(async (url) => {
          const answers = [];
          for (const [method, path] of [['GET', '/v1/session'], ['POST', '/v1/session/tokens'], ['DELETE', '/v1/session']]) {
            const asked = fetch(url + path, { method, credentials: 'include', headers: { 'Content-Type': 'application/json' } });
            answers.push(await asked.then((answer) => answer.text(), (error) => error.name));
          }
          return answers;
        }, world.broker.url);
        assert.deepEqual(read, ['TypeError', 'TypeError', 'TypeError'], origin);
      }
      await page.goto(pages.web);
      assert.match(await page.evaluate(async () => (await Attache.load()).user?.id ?? 'nobody'), /^ac_/, 'still signed in');
    });

    test('share one token between tabs, and a sign-out in one empties the other', async () => {
      const first = await signedIn();
      const second = await first.context().newPage();
      await second.goto(pages.web);
      const asked = [...[first, second].map(counted)];
      const tokens = await Promise.all([first, second, first].map((page) => page.evaluate(() => Attache.session.getToken('hasura'))));
      assert.equal(new Set(tokens).size, 1, 'the same for both');
      assert.equal(asked.flat().filter((url) => url.endsWith('/hasura')).length, 1, `${asked.flat()}`);
      await first.evaluate(() => Attache.signOut({ local: true }));
      await second.waitForFunction(() => Attache.state.isLoaded && Attache.state.user === null);
      assert.equal(await second.evaluate(() => Attache.session.getToken()), null);
      const names = (await first.context().cookies(pages.web)).map((cookie) => cookie.name);
      assert.deepEqual(names.filter((each) => each.startsWith('attache_')), []);
      assert.equal(await first.evaluate(async () => (await fetch('/api/foo')).status), 401);
    });

    test('are opened by whoever is signed in after their token ran out, in one round and at the same address', async () => {
      const page = await signedIn();
      await page.evaluate(() => Attache.session.getToken());
      await page.context().clearCookies({ name: 'attache_session' });
      const hops = [];
      page.on('response', (response) => response.status() >= 300 && response.status() < 400 && hops.push(new URL(response.url()).pathname));
      await page.goto(`${pages.web}/account?tab=2`);
      assert.equal(page.url(), `${pages.web}/account?tab=2`);
      assert.match(await page.locator('#who').textContent(), /^ac_/);
      assert.deepEqual(hops, ['/account', '/v1/session/handshake', '/account']);
      // A link that somebody else made signs nobody in.
      const jwt = await page.evaluate(() => Attache.session.getToken({ skipCache: true }));
      const victim = await browser.open();
      await victim.goto(`${pages.web}/account?__attache_handshake=${jwt}`);
      assert.equal(await victim.locator('#who').textContent(), 'nobody');
    });

    test('let a person connect an app and come back with it, and stop it', async () => {
      const page = await signedIn();
      await Promise.all([page.waitForURL((url) => url.origin !== pages.web), page.evaluate((key) => void Attache.connect(key, { mode: 'redirect' }), app)]);
      await page.getByRole('button', { name: /^Continue to / }).click();
      await page.waitForURL((url) => url.origin === world.issuer.url);
      await walk(page);
      await page.waitForURL((url) => url.origin === pages.web);
      const connection = await page.evaluate(() => Attache.connectResult());
      assert.match(connection.id, /^Et/);
      const listed = await page.evaluate(() => Attache.connections());
      assert.deepEqual(listed.map((each) => [each.id, each.app.key, each.state]), [[connection.id, app, 'active']]);
      await page.evaluate((id) => Attache.revoke(id), connection.id);
      assert.deepEqual(await page.evaluate(() => Attache.connections()), []);
      const handOut = await world.slack('apps.auth.external.get', { external_token_id: connection.id });
      assert.equal(handOut.ok, false);
    });

    test('broke no page of ours', () => assert.deepEqual(browser.faults, []));
  });
}
