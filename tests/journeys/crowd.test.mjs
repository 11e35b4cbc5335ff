// Pages with much on them: twelve apps, long names, names written from the right, and what needs the person.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { Browser } from './browser.mjs';
import { databases } from './databases.mjs';
import { person } from './issuer.mjs';
import { World, app } from './world.mjs';

const longest = 'Continuous Cross-Channel Content Courier';
const crowd = {
  courier: {
    name: longest,
    description: 'Takes what was written in one place to every other place where people may want to read it, checks that each of them still shows it the next morning, and says so in the channel that you name.',
    home_page: 'https://a-host-name-that-is-long-enough-to-wrap-on-a-small-screen.courier.test/start',
    scopes: ['openid', 'profile', 'email', 'offline_access', 'content:write', 'content:publish:everywhere-and-everything'],
    audience: 'https://management.sandbox.test/',
  },
  right: { name: 'كاتب المحتوى', description: 'ينشئ محتوى من سير العمل' },
  unbroken: { name: 'Donaudampfschifffahrtsgesellschaftskapitän' },
  short: { name: 'X' },
  markup: { name: '<b>Bold</b> & "quoted"', description: '<script>alert(1)</script>' },
  ...Object.fromEntries(['Archive', 'Broadcast', 'Calendar', 'Digest', 'Export', 'Forms'].map((name) => [name.toLowerCase(), { name }])),
};

describe('With twelve apps, in a real browser', () => {
  let world, browser, page, connections;
  before(async () => {
    world = await World.start(databases.SQLite, crowd);
    const someone = await world.signIn();
    connections = {};
    for (const key of [app, ...Object.keys(crowd)]) connections[key] = await world.connect(someone, key);
    browser = await Browser.start(world.broker.url);
    page = await browser.open();
    await page.getByRole('link', { name: 'Sign in', exact: true }).click();
    await page.getByRole('textbox').first().fill(person.sub);
    await page.locator('input[type=password]').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${world.broker.url}/account/connected-apps`);
  });
  tellOnFailure(() => world?.broker.log);
  after(async () => {
    await browser?.stop();
    await world?.stop();
  });

  const names = () => page.locator('main .apps h2').allTextContents();

  test('lists them all, and finds one by a part of its name', async () => {
    assert.equal((await names()).length, 12);
    await browser.photograph(page, '20-twelve-apps');
    await page.getByLabel('Find an app').fill('courier');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.waitForURL(/\?q=courier$/);
    assert.deepEqual(await names(), [longest]);
    await page.goto(`${world.broker.url}/account/connected-apps?q=nothing`);
    await browser.photograph(page, '21-none-found');
    await page.getByRole('link', { name: 'Show all' }).click();
    await page.waitForURL(`${world.broker.url}/account/connected-apps`);
  });

  test('shows the longest name and words that go the other way, before and after connecting', async () => {
    for (const [number, key] of [[22, 'courier'], [23, 'right'], [24, 'unbroken'], [25, 'markup']]) {
      await page.goto(`${world.broker.url}/connect/${key}`);
      await browser.photograph(page, `${number}-connect-${key}`);
      assert.ok((await page.locator('h1').textContent()).includes(crowd[key].name));
      await page.goto(`${world.broker.url}/account/connected-apps/${connections[key]}`);
      await page.locator('summary', { hasText: 'Stop access' }).click();
      const closed = page.locator('details:not([open]) > summary');
      while (await closed.count() > 0) await closed.first().click();
      await browser.photograph(page, `${number}-app-${key}`);
    }
  });

  test('puts what needs the person first, and leads them back to a connection that works', async () => {
    const { given } = world.issuer.granted('digest', 'authorization_code')[0];
    const { client_id, client_secret } = world.issuer.clients.find((client) => client.client_id === 'digest');
    await fetch(`${world.issuer.url}/token/revocation`, { method: 'POST', body: new URLSearchParams({ token: given.refresh_token, client_id, client_secret }) });
    const { key } = await world.broker.caller('digest-function', 'digest');
    const refused = await world.slack('apps.auth.external.get', { external_token_id: connections.digest, force_refresh: 'true' }, key);
    assert.equal(refused.ok, false);
    await page.goto(`${world.broker.url}/account/connected-apps`);
    assert.equal((await names())[0], 'Digest');
    await page.getByText('Needs you: access was ended at Foreign issuer').waitFor();
    await browser.photograph(page, '26-needs-you');
    await page.goto(`${world.broker.url}/account/connected-apps/${connections.digest}`);
    await browser.photograph(page, '27-app-needs-you');
    await page.getByRole('link', { name: 'Reconnect' }).click();
    await browser.photograph(page, '28-reconnect');
    await page.getByRole('button', { name: 'Continue to Foreign issuer' }).click();
    await page.getByRole('button', { name: 'Continue', exact: true }).click();
    await page.waitForURL(`${world.broker.url}/account/connected-apps?connected=${connections.digest}`);
    assert.equal((await world.slack('apps.auth.external.get', { external_token_id: connections.digest }, key)).ok, true);
  });

  test('says whose turn it is while the issuer is away', async () => {
    await world.issuer.stop();
    await page.goto(`${world.broker.url}/account/connected-apps/${connections.archive}`);
    await page.locator('summary', { hasText: 'Stop access' }).click();
    await page.locator('form[action$="/revoke"]').getByRole('button', { name: 'Stop access' }).click();
    await page.getByText('Stopping: waiting for Foreign issuer to confirm').waitFor();
    await browser.photograph(page, '29-stopping');
    await page.goto(`${world.broker.url}/account/connected-apps`);
    await page.getByText('Stopping: waiting for Foreign issuer to confirm').waitFor();
  });

  test('no page broke its policy, called elsewhere or complained', () => assert.deepEqual(browser.faults, []));
});
