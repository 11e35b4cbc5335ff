// A stranger at a real browser in front of `attache demo`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Demo, tellOnFailure, until } from './attache.mjs';
import { Browser } from './browser.mjs';
import { app } from './world.mjs';

const bash = promisify(execFile).bind(undefined, 'bash');
const separator = '--- next command ---';

/** Pastes commands into one shell, as a person would; answers with what each printed. */
async function paste(commands) {
  const each = commands.map((command) => {
    const variable = /^(\w+)=\$\(/.exec(command)?.[1];
    return `${command}\n${variable ? `echo "$${variable}"\n` : ''}echo\necho '${separator}'`;
  });
  const { stdout } = await bash(['-c', each.join('\n')]);
  return stdout.split(separator).slice(0, -1).map((text) => text.trim());
}

describe('In a real browser, the demo', () => {
  let demo, browser;
  before(async () => {
    demo = await Demo.start();
    browser = await Browser.start(demo.url);
  });
  tellOnFailure(() => demo?.log);
  after(async () => {
    await browser?.stop();
    await demo?.stop();
  });

  const at = (page, path) => page.waitForURL((url) => url.origin === demo.url && path.test(url.pathname));
  /** Answers the issuer's questions until it lets go: who signs in, and whether the app may. */
  const answerIssuer = async (page, { who = 'Demo Editor', decision = 'Allow' } = {}) => {
    while (new URL(page.url()).origin === demo.issuer) {
      const person = page.getByRole('button', { name: who });
      const button = (await person.count()) ? person : page.getByRole('button', { name: decision, exact: true });
      await Promise.all([page.waitForEvent('framenavigated'), button.click()]);
      await page.waitForLoadState();
    }
    assert.equal(new URL(page.url()).origin, demo.url);
  };
  const signIn = async (page, answers) => {
    await page.goto(demo.url);
    await page.getByRole('link', { name: 'Sign in', exact: true }).click();
    await answerIssuer(page, answers);
    await at(page, /^\/account\/connected-apps$/);
  };
  const connect = async (page, answers) => {
    await page.goto(`${demo.url}/connect/${app}`);
    await page.getByRole('button', { name: /^Continue to / }).click();
    await page.waitForURL((url) => url.origin !== demo.url || url.pathname !== `/connect/${app}`);
    await answerIssuer(page, answers);
  };
  const apps = (page) => page.locator('main a[href^="/account/connected-apps/Et"]');
  const openApp = async (page) => {
    await page.goto(`${demo.url}/account/connected-apps`);
    await apps(page).first().click();
    await at(page, /^\/account\/connected-apps\/Et\w+$/);
  };
  // Leaving earlier would take the form back.
  const receipt = (page) => page.getByRole('heading', { name: 'Receipt' }).waitFor();
  const stopAccess = async (page) => {
    await page.locator('summary', { hasText: 'Stop access' }).click();
    await page.locator('form[action$="/revoke"]').getByRole('button', { name: 'Stop access' }).click();
    await receipt(page);
  };

  test('takes a stranger from sign-in to an entry in their own name, and to the end of it', async () => {
    const page = await browser.open();
    await browser.photograph(page, '01-home');
    await signIn(page);
    assert.equal(await apps(page).count(), 0, 'nothing is connected yet');
    await browser.photograph(page, '02-no-apps');

    await page.goto(`${demo.url}/connect/${app}`);
    await page.getByText('Demo Editor').or(page.getByText('editor@sandbox.test')).first().waitFor();
    await browser.photograph(page, '03-connect');
    await page.getByRole('button', { name: /^Continue to / }).click();
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    await page.screenshot({ path: new URL('screenshots/04-at-the-issuer.png', import.meta.url).pathname });
    await answerIssuer(page);
    await browser.photograph(page, '05-connected');
    await page.goto(`${demo.url}/account/connected-apps`);
    assert.equal(await apps(page).count(), 1);
    await page.getByText('Content Writer').first().waitFor();
    await page.getByText(/\bActive\b/).first().waitFor();
    await browser.photograph(page, '06-apps');

    const commands = await until('the demo to print its curl lines', () => demo.commands.length && demo.commands);
    const printed = await paste(commands);
    const [handOut, ...more] = printed;
    assert.match(handOut, /"ok":\s*true|^ey|external_token/, 'the first line gets an access token');
    assert.ok(more.some((text) => /authToken|^ey[\w-]+\.[\w-]+\.[\w-]+$|"access_token"/.test(text)), `a line gets a content token:\n${printed.join('\n')}`);
    assert.match(printed.join('\n'), /entry_\w+/, 'a line creates an entry');
    const platform = await page.context().newPage();
    await platform.goto(demo.content);
    await platform.getByText('Created by Demo Editor').first().waitFor();
    await platform.screenshot({ path: new URL('screenshots/07-the-entry.png', import.meta.url).pathname });
    await platform.close();

    await openApp(page);
    await browser.photograph(page, '08-app');
    await page.locator('summary', { hasText: 'Stop access' }).click();
    await browser.photograph(page, '09-stop-access');
    await page.locator('form[action$="/revoke"]').getByRole('button', { name: 'Stop access' }).click();
    await receipt(page);
    await browser.photograph(page, '10-stopped');
    // The hand-out alone: a later line that has no token to work with is not part of the promise.
    const [refused] = await paste([commands[0].replace(/^\w+=\$\((.*?)(?:\s*\|[^|]*)?\)$/s, '$1')]);
    assert.equal(JSON.parse(refused).error, 'token_not_found');
    await page.goto(`${demo.url}/account/connected-apps`);
    await browser.photograph(page, '11-apps-after');
  });

  test('works without JavaScript, from sign-in to sign-out', async () => {
    const page = await browser.open({ javaScriptEnabled: false });
    await signIn(page, { who: 'Demo Reader' });
    await connect(page, { who: 'Demo Reader' });
    await openApp(page);
    await stopAccess(page);
    await page.goto(demo.url);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Sign in', exact: true }).first().waitFor();
    await page.goto(`${demo.url}/account/connected-apps`);
    assert.notEqual(new URL(page.url()).pathname, '/account/connected-apps', 'who signed out sees no apps');
  });

  test('lets the keyboard alone reach and press Continue and Stop access, and shows where it stands', async () => {
    const page = await browser.open();
    const reach = async (words) => {
      await page.evaluate(() => document.activeElement?.blur());
      for (let presses = 0; presses < 60; presses += 1) {
        await page.keyboard.press('Tab');
        const here = await page.evaluate(() => {
          const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement);
          const ring = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
          return { words: document.activeElement.textContent.trim(), ring, tag: document.activeElement.tagName };
        });
        if (here.tag !== 'BODY') assert.ok(here.ring, `"${here.words}" shows that the keyboard is on it`);
        if (words.test(here.words) && here.tag !== 'BODY') return;
      }
      assert.fail(`sixty Tabs never reached ${words} on ${page.url()}`);
    };
    await signIn(page, { who: 'Demo Reader' });
    await page.goto(`${demo.url}/connect/${app}`);
    await reach(/^Continue to /);
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.origin === demo.issuer);
    await answerIssuer(page, { who: 'Demo Reader' });
    await openApp(page);
    await reach(/^Stop access$/);
    await page.keyboard.press('Enter');
    await page.locator('form[action$="/revoke"] button').waitFor({ state: 'visible' });
    for (let found = false; !found; ) {
      await page.keyboard.press('Tab');
      const here = await page.evaluate(() => ({
        inForm: document.activeElement.closest('form[action$="/revoke"]') !== null,
        words: document.activeElement.textContent.trim(),
      }));
      found = here.inForm && here.words === 'Stop access';
      assert.notEqual(here.words, 'Keep access', 'the confirming button comes first in its form');
    }
    await page.keyboard.press('Enter');
    await receipt(page);
    await page.goto(`${demo.url}/account/connected-apps`);
    assert.equal(await page.locator('main').getByText(/\bActive\b/).count(), 0);
  });

  test('lets two tabs sign in, and an open consent outlive signing out and in again', async () => {
    const first = await browser.open();
    const second = await first.context().newPage();
    // Both are at the issuer before either comes back.
    await first.goto(`${demo.url}/connect/${app}`);
    await second.goto(`${demo.url}/sign-in?return_to=${encodeURIComponent('/account/connected-apps?q=writer')}`);
    await answerIssuer(second);
    assert.equal(new URL(second.url()).search, '?q=writer');
    await answerIssuer(first);
    await at(first, new RegExp(`^/connect/${app}$`));

    await second.goto(`${demo.url}/connect/${app}`);
    await second.getByRole('button', { name: 'Not you? Sign out' }).click();
    await second.waitForURL((url) => url.origin === demo.issuer);
    await second.getByRole('button', { name: 'Demo Editor' }).waitFor();
    // Continue in the first tab, while nobody is signed in: it leads back to its page, and then on.
    await first.getByRole('button', { name: /^Continue to / }).click();
    await first.waitForURL((url) => url.origin === demo.issuer);
    await answerIssuer(first);
    await at(first, new RegExp(`^/connect/${app}$`));
    await answerIssuer(second);
    await at(second, new RegExp(`^/connect/${app}$`));
    await first.getByRole('button', { name: /^Continue to / }).click();
    await first.waitForURL((url) => url.origin !== demo.url || url.pathname !== `/connect/${app}`);
    await answerIssuer(first);
    await at(first, /^\/account\/connected-apps$/);
    await openApp(first);
    await stopAccess(first);
  });

  test('says after signing out what is known of the issuer, and names both when it was another account', async () => {
    const page = await browser.open();
    await signIn(page, { who: 'Demo Reader' });
    await page.route(`${demo.issuer}/oidc/logout*`, (route) => route.fulfill({ status: 400, body: 'refused' }));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL((url) => url.origin === demo.issuer);
    await page.unroute(`${demo.issuer}/oidc/logout*`);
    await page.goto(demo.url);
    await page.getByText('You are signed out here.').waitFor();
    await browser.photograph(page, '17-signed-out-here');
    await page.getByRole('link', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Demo Reader' }).waitFor();
    await answerIssuer(page, { who: 'Demo Reader' });
    // At the issuer as somebody else than here.
    await page.goto(`${demo.url}/connect/${app}?prompt=select_account`);
    await page.getByRole('button', { name: /^Continue to / }).click();
    await page.waitForURL((url) => url.origin === demo.issuer);
    const faultsBefore = browser.faults.length;
    await answerIssuer(page, { who: 'Demo Editor' });
    browser.faults.length = faultsBefore; // Chromium tells the console of every such status.
    await page.getByText('reader@sandbox.test').first().waitFor();
    await page.getByText('editor@sandbox.test').first().waitFor();
    await browser.photograph(page, '18-another-account');
    await page.getByRole('link', { name: 'Try again' }).click();
    await at(page, new RegExp(`^/connect/${app}$`));
  });

  test('shows a way back to a person who says no at the issuer', async () => {
    const page = await browser.open();
    await signIn(page);
    await connect(page, { decision: 'Deny' });
    await browser.photograph(page, '12-denied');
    await page.locator('main').getByRole('link', { name: 'Try again' }).click();
    await at(page, new RegExp(`^/connect/${app}$`));
    await page.goto(`${demo.url}/account/connected-apps`);
    assert.equal(await page.locator('main').getByText(/\bActive\b/).count(), 0, 'a no connects nothing');
  });

  test('lets a person cancel on our own page, and connects nothing', async () => {
    const page = await browser.open();
    await signIn(page);
    await page.goto(`${demo.url}/connect/${app}`);
    await page.getByRole('link', { name: 'Cancel' }).or(page.getByRole('button', { name: 'Cancel' })).click();
    await at(page, /^\/account\/connected-apps$/);
    assert.equal(await page.locator('main').getByText(/\bActive\b/).count(), 0);
  });

  test('answers a wrong address, an unknown app and an old link with a page and a way back', async () => {
    const page = await browser.open();
    await signIn(page);
    for (const [name, path, status] of [
      ['13-not-found', '/no-such-page', 404],
      ['14-unknown-app', '/connect/no-such-app', 404],
      ['15-old-consent', `/connect/${app}/callback?code=old&state=old`, 400],
      ['16-not-a-connection', '/account/connected-apps/Et00000000000000000000', 404],
    ]) {
      const faultsBefore = browser.faults.length;
      const answer = await page.goto(`${demo.url}${path}`);
      assert.equal(answer.status(), status);
      browser.faults.length = faultsBefore; // Chromium tells the console of every such status.
      await browser.photograph(page, name);
      assert.ok((await page.locator('body').getByRole('link').count()) > 0);
    }
  });

  test('sends every page with a policy, and no page broke it, called elsewhere or complained', async () => {
    const { headers } = await fetch(demo.url);
    assert.match(headers.get('content-security-policy'), /default-src 'none'|default-src 'self'/);
    assert.doesNotMatch(headers.get('content-security-policy'), /unsafe-inline|unsafe-eval|\*/);
    assert.equal(headers.get('referrer-policy'), 'same-origin');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.deepEqual(browser.faults, []);
  });
});
