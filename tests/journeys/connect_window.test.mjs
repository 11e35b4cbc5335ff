// `connect()` in a window of its own, in a real browser: allowed, refused, closed, blocked, and among other windows of the app.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { Browser } from './browser.mjs';
import { databases } from './databases.mjs';
import { PlatformWorld } from './platform_world.mjs';
import { app } from './world.mjs';

describe('An app that is connected in a window of its own', () => {
  let platform, page;
  before(async () => {
    platform = await PlatformWorld.start(databases.PostgreSQL);
    page = await platform.signedIn();
    await page.evaluate(() => Attache.load());
  });
  tellOnFailure(() => platform?.world?.broker.log);
  after(() => platform?.stop());

  /** Calls connect() on a page; gives the window that opens, and what came of it once it did. */
  const connecting = async (from, options) => {
    const [popup] = await Promise.all([
      from.waitForEvent('popup'),
      from.evaluate(([key, options]) => {
        window.outcome = Attache.connect(key, options).then(({ id }) => id, (error) => error.code);
      }, [app, options]),
    ]);
    return { popup, outcome: () => from.evaluate(() => window.outcome) };
  };
  const agree = async (popup) => {
    await popup.getByRole('button', { name: /^Continue to / }).click();
    await popup.waitForURL((url) => url.origin === platform.world.issuer.url);
    await platform.walk(popup);
  };
  /** The browser of a test does not tell a page that it has the focus again. */
  const comeBack = (to) => to.evaluate(() => void window.dispatchEvent(new Event('focus')));
  const closed = (popup) => (popup.isClosed() ? undefined : popup.waitForEvent('close'));
  const revokeAll = () => page.evaluate(async () => {
    for (const { id } of await Attache.connections()) await Attache.revoke(id);
  });

  test('is given to the page, and the window is gone', async () => {
    const { popup, outcome } = await connecting(page);
    await agree(popup).catch((error) => popup.isClosed() || Promise.reject(error));
    const id = await outcome();
    assert.match(id, /^Et/);
    await closed(popup);
    assert.deepEqual(await page.evaluate(async () => (await Attache.connections()).map((each) => each.id)), [id]);
    assert.equal(page.url(), `${platform.pages.web}/`);
  });

  test('is stopped in one tab while another one is about to', async () => {
    const [{ id }] = await page.evaluate(() => Attache.connections());
    const other = await platform.another(page);
    let letGo;
    const held = new Promise((resolve) => (letGo = resolve));
    await page.route('**/revoke', async (route) => {
      if (route.request().method() === 'POST') await held;
      await route.continue();
    });
    const late = page.evaluate((which) => {
      window.told = new Promise((resolve) => Attache.subscribeConnections(() => resolve('told')));
      return Attache.revoke(which);
    }, id);
    await page.waitForFunction(() => window.told !== undefined);
    assert.equal((await other.evaluate((which) => Attache.revoke(which), id)).id, id);
    assert.equal(await page.evaluate(() => window.told), 'told');
    letGo();
    assert.match((await late).state, /^revok/);
    assert.deepEqual(await page.evaluate(() => Attache.connections()), []);
    await page.unroute('**/revoke');
    await other.close();
  });

  test('is refused by the person on our page: connect_denied, and the window is gone', async () => {
    const { popup, outcome } = await connecting(page);
    await popup.getByRole('link', { name: 'Cancel' }).click();
    assert.equal(await outcome(), 'connect_denied');
    await closed(popup);
  });

  test('is refused by the person at the issuer: the same', async () => {
    const { popup, outcome } = await connecting(page);
    await popup.getByRole('button', { name: /^Continue to / }).click();
    await popup.waitForURL((url) => url.origin === platform.world.issuer.url);
    await popup.getByRole('link', { name: /cancel/i }).click();
    // Our page says that nothing was connected, and leads back to the app.
    const back = popup.getByRole('link', { name: /back/i }).first();
    await back.click().catch((error) => popup.isClosed() || Promise.reject(error));
    assert.equal(await outcome(), 'connect_denied');
    await closed(popup);
  });

  test('is given up with its window: connect_closed, once the person is back and three seconds went by', async () => {
    const { popup, outcome } = await connecting(page);
    await popup.waitForLoadState();
    await popup.close();
    const from = Date.now();
    await comeBack(page);
    assert.equal(await outcome(), 'connect_closed');
    assert.ok(Date.now() - from >= 2_900);
  });

  test('is connected although its window was closed before it could tell', async () => {
    // It comes back to something that does not load the package.
    const { popup, outcome } = await connecting(page, { returnTo: `${platform.pages.web}/published` });
    await agree(popup);
    await popup.waitForURL((url) => url.pathname === '/published');
    await popup.close();
    await comeBack(page);
    const [connection] = await page.evaluate(() => Attache.connections());
    assert.equal(await outcome(), connection.id);
    await revokeAll();
  });

  test('is given to the window of the app that asked, where the app has opened others', async () => {
    const [second] = await Promise.all([page.waitForEvent('popup'), page.evaluate(() => void window.open(location.href, '_blank', 'popup'))]);
    await second.waitForFunction(() => window.Attache?.state.isLoaded);
    const asked = await connecting(page);
    const { popup, outcome } = await connecting(second);
    await agree(popup).catch((error) => popup.isClosed() || Promise.reject(error));
    assert.match(await outcome(), /^Et/);
    await closed(popup);
    await asked.popup.getByRole('link', { name: 'Cancel' }).click();
    assert.equal(await asked.outcome(), 'connect_denied');
    await closed(asked.popup);
    assert.deepEqual([page.isClosed(), second.isClosed()], [false, false], 'the windows of the app stay');
    await second.close();
    await revokeAll();
  });

  test('shows no window where the browser blocks it: connect_blocked, and a redirect does it', async () => {
    const strict = await Browser.start(platform.world.broker.url, { less: ['--disable-popup-blocking'] });
    try {
      const stranger = await strict.open();
      await stranger.context().addCookies(await page.context().cookies());
      await stranger.goto(platform.pages.web);
      const devtools = await stranger.context().newCDPSession(stranger);
      // As where a page awaits something too long after a click. What a test runs in a page counts as one.
      const expression = `Attache.connect(${JSON.stringify(app)}).catch((error) => error.code)`;
      const { result } = await devtools.send('Runtime.evaluate', { expression, awaitPromise: true, userGesture: false });
      assert.equal(result.value, 'connect_blocked');
      assert.equal(stranger.context().pages().length, 1);
      await Promise.all([stranger.waitForURL(`${platform.world.broker.url}/connect/**`), stranger.evaluate((key) => void Attache.connect(key, { mode: 'redirect' }), app)]);
      await stranger.getByRole('link', { name: 'Cancel' }).click();
      await stranger.waitForURL(`${platform.pages.web}/`);
      assert.equal(await stranger.evaluate(() => Attache.connectResult().catch((error) => error.code)), 'connect_denied');
    } finally {
      await strict.stop();
    }
  });

  test('broke no page of ours', () => assert.deepEqual(platform.browser.faults, []));
});
