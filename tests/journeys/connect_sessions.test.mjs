// Links for the users of a host platform, in a real browser: in a popup, by a redirect, with somebody else signed in, and never in
// a frame. The platform is made as docs/connect-sessions.md says.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { freePorts, tellOnFailure } from './attache.mjs';
import { Browser } from './browser.mjs';
import { databases } from './databases.mjs';
import { HostPlatform, python, request } from './host_platform.mjs';
import { World } from './world.mjs';

const run = promisify(execFile);
const notion = { name: 'Notion', description: 'Writes pages for you', identity: 'any' };
const ada = { id: 'ada', name: 'Ada Example', email: 'ada@example.com' };

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`Connect sessions, with the broker on ${name}`, () => {
    let platform, world, browser, backend;
    before(async () => {
      platform = await HostPlatform.start(await freePorts(1));
      platform.user = ada;
      const sections = { platforms: { acme: platform.section([]) } };
      world = await World.start(makeDatabase, { notion }, {}, {}, { sections });
      backend = await world.broker.caller('acme-backend', 'notion');
      await world.broker.reconfigure({ platforms: { acme: platform.section([backend.id]) } });
      await platform.meet(world.broker.url, backend.key);
      browser = await Browser.start(world.broker.url);
    });
    tellOnFailure(() => world?.broker.log);
    after(async () => {
      await browser?.stop();
      await world?.stop();
      await platform?.stop();
    });

    const agree = async (page) => {
      await page.getByRole('button', { name: /^Continue to Foreign issuer$/ }).click();
      await page.waitForURL((url) => url.origin === world.issuer.url);
      await world.issuer.walkIn(page);
    };
    const told = async (connection) => {
      const answer = await fetch(`${world.broker.direct}/v1/connections/${connection}`, { headers: { authorization: `Bearer ${backend.key}` } });
      return (await answer.json()).account;
    };

    test('a popup connects the app and tells the page that opened it', async () => {
      const page = await browser.open();
      await page.goto(platform.url);
      const [popup] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Connect' }).click()]);
      await popup.waitForURL(/\/connect-sessions\//);
      assert.match(await popup.locator('main').innerText(), /Acme says that you are Ada Example \(ada@example\.com\)/);
      await browser.photograph(popup, `connect-session-${name}`);
      await popup.getByRole('button', { name: 'Continue as Ada Example' }).click();
      await popup.waitForURL(/\/connect\/notion/);
      const [said] = await Promise.all([page.waitForEvent('console'), popup.waitForEvent('close'), agree(popup).catch((error) => assert.match(String(error), /closed/))]);
      assert.match(said.text(), /^Et/);
      const { id, ...account } = await told(said.text());
      assert.match(id, /^ac_/);
      assert.deepEqual(account, { platform: 'acme', external_id: 'ada' });
    });

    test('a redirect leads there and back, also for whoever says that it is somebody else', async () => {
      platform.stays = true;
      const page = await browser.open();
      await page.goto(await platform.link(ada));
      await page.getByRole('button', { name: 'Continue as Ada Example' }).click();
      await page.waitForURL(/\/connect\/notion/);
      await agree(page);
      await page.waitForURL(/\/connected\?connection=Et/);
      const other = await browser.open();
      const link = await platform.link({ id: 'bob', name: 'Bob Other', email: 'bob@example.com' });
      await other.goto(link);
      await other.getByRole('button', { name: 'Not me' }).click();
      await other.waitForURL(`${platform.url}/connected?error=access_denied`);
      await other.goto(link);
      assert.match(await other.locator('main').innerText(), /This link is over/);
      await browser.photograph(other, `connect-session-over-${name}`);
      platform.stays = false;
    });

    test('somebody who is signed in is named, and stays who they are until they go on', async () => {
      const page = await browser.open();
      await page.goto(`${world.broker.url}/sign-in`);
      await world.issuer.walkIn(page);
      await page.goto(await platform.link(ada));
      const words = await page.locator('main').innerText();
      assert.match(words, /You are signed in here as editor@sandbox\.test/);
      await browser.photograph(page, `connect-session-somebody-else-${name}`);
      const header = async () => {
        await page.goto(`${world.broker.url}/account/connected-apps`);
        return page.locator('header').innerText();
      };
      const there = page.url();
      assert.match(await header(), /Demo Editor/);
      await page.goto(there);
      await page.getByRole('button', { name: 'Continue as Ada Example' }).click();
      await page.waitForURL(/\/connect\/notion/);
      assert.match(await header(), /Ada Example/);
    });

    test('a link in a frame shows nothing', async () => {
      const page = await browser.open();
      await page.goto(`${platform.url}/framing`);
      const [, frame] = page.frames();
      assert.doesNotMatch(await frame.content(), /Ada Example/);
    });

    test("the document's request works as it stands, with words of Node and of Python", async () => {
      const code = `${python}\nclass user: id, name, email = "ada", "Ada", None\nprint(user_token(user))`;
      const signed = await run(process.env.ATTACHE_TEST_PYTHON ?? 'python3', ['-c', code.replace('https://attache.example.com', world.broker.url)], { cwd: platform.directory });
      for (const word of [platform.backend.userToken(ada), signed.stdout.trim()]) {
        const script = request.replaceAll('https://attache.example.com', world.broker.direct).replace('https://app.acme.example', platform.url);
        const { stdout } = await run('bash', ['-euc', script], { env: { ...process.env, API_KEY: backend.key, USER_TOKEN: word } });
        assert.equal(JSON.parse(stdout).object, 'connect_session', stdout);
      }
    });

    test('no page of ours broke its own policy', () => {
      // That a link is over is what it says.
      assert.deepEqual(browser.faults.filter((fault) => !/\/connect-sessions\/.* 410 \(Gone\)$/.test(fault)), []);
    });
  });
}
