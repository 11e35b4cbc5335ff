// The examples, as they stand: those with pages in a real browser, the job in shell as a process.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import { person } from './issuer.mjs';
import { PlatformWorld } from './platform_world.mjs';

const script = fileURLToPath(new URL('../../examples/cron/publish.sh', import.meta.url));

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`The examples, with the broker on ${name}`, () => {
    let platform;
    before(async () => {
      platform = await PlatformWorld.start(makeDatabase);
    });
    tellOnFailure(() => platform?.world?.broker.log);
    after(() => platform?.stop());

    const opened = async (example) => {
      const page = await platform.browser.open();
      const faults = [];
      page.on('pageerror', (error) => faults.push(error.message));
      const address = `${platform.pages.web}/examples/${example}/`;
      await page.goto(address);
      await platform.through(page, () => page.getByRole('button', { name: 'Sign in' }).click(), address);
      return { page, faults };
    };
    const says = (page, id, words) => page.locator(`#${id}`).filter({ hasText: words }).waitFor();

    test('the plain page knows who is signed in, and is known to its backend and to the API', async () => {
      const { page, faults } = await opened('plain');
      await says(page, 'who', person.name);
      for (const id of ['own', 'api']) await says(page, id, /^ac_/);
      await Promise.all([page.waitForURL((url) => url.origin !== platform.pages.web), page.getByRole('button', { name: 'Sign out' }).click()]);
      await page.goto(`${platform.pages.web}/examples/plain/`);
      await says(page, 'who', 'nobody');
      assert.deepEqual(faults, []);
    });

    for (const example of ['react-swr', 'react-query']) {
      test(`${example} shows what the API says to its person`, async () => {
        const { page, faults } = await opened(example);
        await says(page, 'who', person.name);
        await says(page, 'api', /^ac_/);
        // Without the provider's own Attaché being made again, one token was enough.
        assert.deepEqual(faults, []);
      });
    }

    test('React lists what the person connected, and stops it', async () => {
      const { page } = await opened('react-swr');
      const connect = `${platform.world.broker.url}/connect/content-writer?redirect_uri=${encodeURIComponent(page.url())}&state=1`;
      await page.goto(connect);
      await page.getByRole('button', { name: /^Continue to / }).click();
      await page.waitForURL((url) => url.origin === platform.world.issuer.url);
      await platform.walk(page);
      await page.waitForURL((url) => url.origin === platform.pages.web);
      await page.getByText('Content Writer').waitFor();
      await page.screenshot({ path: fileURLToPath(new URL('screenshots/connected-apps-of-the-package.png', import.meta.url)), fullPage: true });
    });

    test('the job in shell gets a fresh token each time, and says what went wrong', async () => {
      const page = await platform.signedIn();
      const connected = `${platform.pages.web}/examples/react-swr/`;
      await page.goto(`${platform.world.broker.url}/connect/content-writer?redirect_uri=${encodeURIComponent(connected)}&state=1`);
      await page.getByRole('button', { name: /^Continue to / }).click();
      await page.waitForURL((url) => url.origin === platform.world.issuer.url);
      await platform.walk(page);
      await page.waitForURL((url) => url.origin === platform.pages.web);
      const connection = new URL(page.url()).searchParams.get('connection') ?? (await page.evaluate(async (url) => (await (await fetch(`${url}/v1/session/connections`, { credentials: 'include' })).json()).connections[0].id, platform.world.broker.url));
      const run = async (env) => {
        const { direct } = platform.world.broker;
        const set = { ...process.env, ATTACHE_URL: direct, ATTACHE_API_KEY: platform.world.caller.key, CONNECTION: connection, API_URL: platform.pages.published, ...env };
        const job = spawn('sh', [script], { env: set });
        const said = Promise.all([text(job.stdout), text(job.stderr)]);
        const [code] = await once(job, 'exit');
        return [code, ...(await said)];
      };
      const [code, said, complaint] = await run({});
      assert.deepEqual([code, complaint], [0, '']);
      assert.match(said, /^Bearer ey/);
      const [refused, , why] = await run({ CONNECTION: 'Etnone' });
      assert.equal(refused, 1);
      assert.match(why, /connection_not_found/);
    });
  });
}
