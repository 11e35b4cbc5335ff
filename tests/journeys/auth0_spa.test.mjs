// The example of a single-page app with the real auth0-spa-js, in a real browser: it signs people in at the issuer by itself, and
// its first access token connects it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts, tellOnFailure } from './attache.mjs';
import { auth0Habits } from './auth0_habits.mjs';
import { Browser } from './browser.mjs';
import { databases } from './databases.mjs';
import { audience, person } from './issuer.mjs';
import { SpaPages } from './spa_pages.mjs';
import { World, project } from './world.mjs';

// What is tried is the example, so the broker is on one database.
describe('The example of a single-page app with auth0-spa-js', () => {
  let pages, world, browser, page;
  before(async () => {
    pages = await SpaPages.start(await freePorts(1));
    const reader = {
      name: 'Reader',
      kind: 'spa',
      client_secret: undefined,
      scopes: ['openid'],
      audience,
      accepted_audiences: [audience],
      direct: 'read',
      redirect_uris: [pages.url],
    };
    const sections = { graphql: { allowed_origins: [new URL(pages.url).origin] } };
    world = await World.start(databases.SQLite, { reader }, {}, {}, { sections, habits: auth0Habits, pages: { reader: pages.url } });
    await pages.configure({
      domain: world.issuer.url,
      clientId: 'reader',
      audience,
      attache: world.broker.url,
      project,
      contentApi: world.content.url,
    });
    world.content.entries.push({ title: 'Hello from the platform' });
    browser = await Browser.start(world.broker.url);
    page = await browser.open();
    await page.getByRole('link', { name: 'Sign in', exact: true }).click();
    await page.waitForURL((url) => url.origin === world.issuer.url);
    await world.issuer.walkIn(page);
  });
  tellOnFailure(() => world?.broker.log);
  after(async () => {
    await browser?.stop();
    await world?.stop();
    await pages?.stop();
  });

  const atIssuer = () => page.waitForURL((url) => url.origin === world.issuer.url);
  const entries = () => page.locator('#entries li').allTextContents();
  const photograph = (name) => page.screenshot({ path: fileURLToPath(new URL(`screenshots/${name}.png`, import.meta.url)), fullPage: true });

  test('reads content as the person who signed in at the issuer, and is one of their connected apps', async () => {
    await page.goto(pages.url);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await atIssuer();
    await world.issuer.walkIn(page);
    await page.getByText(person.name).waitFor();
    await page.getByText('Hello from the platform').waitFor();
    assert.equal(page.url(), pages.url, 'no code is left in the address');
    await photograph('auth0-spa');
    const connected = await page.context().newPage();
    await connected.goto(`${world.broker.url}/account/connected-apps`);
    await connected.getByRole('link', { name: 'Reader' }).first().waitFor();
    await connected.close();
  });

  test('reads again, and is told when the person has stopped it', async () => {
    await page.getByRole('button', { name: 'Read' }).click();
    await page.getByText('Hello from the platform').waitFor();
    const stopping = await page.context().newPage();
    await stopping.goto(`${world.broker.url}/account/connected-apps`);
    await stopping.locator('main a[href^="/account/connected-apps/Et"]').first().click();
    await stopping.locator('summary', { hasText: 'Stop access' }).click();
    await stopping.locator('form[action$="/revoke"]').getByRole('button', { name: 'Stop access' }).click();
    await stopping.getByRole('heading', { name: 'Receipt' }).waitFor();
    await stopping.close();
    await page.getByRole('button', { name: 'Read' }).click();
    await page.getByRole('link', { name: 'Allow it' }).waitFor();
    assert.deepEqual(await entries(), []);
    await photograph('auth0-spa-stopped');
  });

  test('reads once more after the person has agreed at Attaché, with a new token of the issuer', async () => {
    await page.getByRole('link', { name: 'Allow it' }).click();
    await page.getByRole('button', { name: /^Continue to / }).click();
    await atIssuer();
    await world.issuer.walkIn(page);
    // The page sends the person to the issuer again, for a token of after the stop.
    await Promise.race([page.getByText('Hello from the platform').waitFor(), atIssuer()]);
    await world.issuer.walkIn(page);
    await page.getByText('Hello from the platform').waitFor();
    assert.equal(page.url(), pages.url);
  });

  test('is refused at an origin that the operator did not list, before anybody looks at its token', async () => {
    const elsewhere = await browser.open();
    await elsewhere.goto(pages.url.replace('reader.', 'unlisted.'));
    const read = (url) => fetch(`${url}/graphql`, { method: 'POST', headers: { authorization: 'Bearer any' }, body: '{}' }).then(() => 'read', (error) => error.name);
    assert.equal(await elsewhere.evaluate(read, world.broker.url), 'TypeError');
    await elsewhere.goto(pages.url);
    assert.equal(await elsewhere.evaluate(read, world.broker.url), 'read');
  });

  test('broke no page of ours', () => assert.deepEqual(browser.faults, []));
});
