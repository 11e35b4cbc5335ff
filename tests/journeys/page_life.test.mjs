// What a page lives through, with the plain example and with React, in a real browser: hidden, asleep, frozen, offline, its broker
// away for a while, its person signed out elsewhere. No request leaves with a token that ran out, and none is asked for twice.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure, until } from './attache.mjs';
import { databases } from './databases.mjs';
import { person } from './issuer.mjs';
import { PageTime } from './page_time.mjs';
import { PlatformWorld } from './platform_world.mjs';

for (const [example, database] of [['plain', 'SQLite'], ['react-swr', 'PostgreSQL']]) {
  describe(`The life of a page of the example ${example}, with the broker on ${database}`, () => {
    let platform, page, time, pages, began;
    before(async () => {
      platform = await PlatformWorld.start(databases[database], { how: { natural: true } });
      ({ pages } = platform);
      page = await platform.signedIn();
      time = await PageTime.over(page.context(), pages);
      await page.goto(`${pages.web}/examples/${example}/`);
      await says('who', person.name);
      await says('api', /^ac_/);
      began = time.given.length - 1;
    });
    tellOnFailure(() => platform?.world?.broker.log);
    after(() => platform?.stop());

    const says = (id, words) => page.locator(`#${id}`).filter({ hasText: words }).waitFor();
    /** Another tab is in front for a while. */
    const aside = async (meanwhile, path = '/published') => {
      const other = await platform.another(page, path);
      await other.bringToFront();
      await page.waitForFunction(() => document.visibilityState === 'hidden', undefined, { polling: 50 });
      await meanwhile(other);
      await page.bringToFront();
      await other.close();
    };
    /** Has the page ask the API once; gives the status of the answer. React asks when somebody looks at it. */
    const call = async () => {
      if (example === 'plain') return (await platform.callApi(page))[0];
      const judged = pages.judged.length;
      await time.pass(6);
      await aside(() => {});
      await until('a request to the API', () => pages.judged.length > judged);
      return pages.judged.at(-1)[0];
    };

    test('hidden for ten minutes it asks for nothing that nobody needs, and is right again at once', async () => {
      const given = time.given.length;
      await aside(async () => {
        await time.pass(600);
        assert.ok(time.given.length - given <= 1, 'the token that was used is renewed once');
      });
      assert.equal(await call(), 200);
    });

    test('after an hour of sleep, whatever the clocks say of it, it sends no token from before', async () => {
      for (const sleep of ['sleep', 'sleepUnnoticed']) {
        assert.equal(await call(), 200);
        await time[sleep](3600);
        assert.equal(await call(), 200, sleep);
      }
    });

    test('frozen for an hour by the browser, it takes what another tab was given meanwhile', async () => {
      assert.equal(await call(), 200);
      const devtools = await page.context().newCDPSession(page);
      await page.evaluate(() => document.addEventListener('freeze', () => (document.documentElement.dataset.wasFrozen = 'yes')));
      let asked;
      await aside(async (other) => {
        await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
        await time.sleepUnnoticed(3600);
        assert.equal((await platform.callApi(other))[0], 200);
        asked = time.asked.length;
        await devtools.send('Page.setWebLifecycleState', { state: 'active' });
      }, '/');
      assert.equal(await page.evaluate(() => document.documentElement.dataset.wasFrozen), 'yes');
      assert.equal(await call(), 200);
      assert.equal(time.asked.length, asked);
    });

    test('without a network for a minute it sends nothing old, and goes on when the network is back', async () => {
      await page.context().setOffline(true);
      await time.pass(60);
      const getToken = () => Attache.session.getToken().then(() => 'given', (error) => error.code);
      if (example === 'plain') assert.equal(await page.evaluate(getToken), 'network');
      const judged = pages.judged.length;
      await page.context().setOffline(false);
      await time.pass(10);
      assert.equal(await call(), 200);
      assert.ok(pages.judged.length > judged);
    });

    test('while the broker is away it uses what it has, and goes on when it is back', async () => {
      assert.equal(await call(), 200);
      const { broker } = platform.world;
      await broker.restart(async () => {
        assert.equal(await call(), 200, 'the token is still good');
        await time.pass(60);
      });
      await time.pass(15);
      assert.equal(await call(), 200);
      await says('who', person.name);
    });

    test('signed out elsewhere while it asks for a token, it gets none and knows', async () => {
      let letGo;
      const held = new Promise((resolve) => (letGo = resolve));
      const left = page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/v1/session/tokens'));
      await page.route('**/v1/session/tokens', async (route) => {
        if (route.request().method() === 'POST') await held;
        await route.continue();
      });
      // In a tab of the broker's own, which tells nobody.
      const elsewhere = await platform.another(page, '/published');
      await page.bringToFront();
      await Promise.all([left, time.context.clock.runFor(50_000)]);
      await elsewhere.bringToFront();
      await elsewhere.goto(`${platform.world.broker.url}/account/connected-apps`);
      await elsewhere.getByRole('button', { name: 'Sign out' }).click();
      letGo();
      await page.bringToFront();
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      await elsewhere.close();
    });

    test('never sent a token that ran out, and was never given two for one time', () => {
      assert.deepEqual(pages.judged.filter(([status]) => status !== 200), []);
      const given = time.given.slice(Math.max(0, began));
      const gaps = given.slice(1).map(({ at }, index) => Math.round((at - given[index].at) / 1000));
      assert.ok(gaps.length >= 5, `${gaps}`);
      assert.ok(gaps.every((gap) => gap >= 39), `seconds between tokens: ${gaps}`);
      assert.deepEqual(platform.browser.faults, []);
    });
  });
}
