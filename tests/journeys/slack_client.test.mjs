// Slack's own client, unmodified, with nothing told but another address.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { WebAPIPlatformError, WebClient } from '@slack/web-api';
import { tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import { World, app } from './world.mjs';

const AsyncFunction = (async () => {}).constructor;

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`Slack's unmodified client, on ${name}`, () => {
    let world, connection, client;
    const clientWith = (key) => new WebClient(key, { slackApiUrl: `${world.broker.url}/api/`, retryConfig: { retries: 0 } });
    const refused = (error) => (thrown) => thrown instanceof WebAPIPlatformError && thrown.data.error === error && thrown.data.ok === false;
    before(async () => {
      world = await World.start(makeDatabase);
      connection = await world.connect(await world.signIn());
      client = clientWith(world.caller.key);
    });
    after(() => world?.stop());
    tellOnFailure(() => world?.broker.log);

    test('gets the access token of a connection', async () => {
      const answer = await client.apiCall('apps.auth.external.get', { external_token_id: connection });
      assert.equal(answer.ok, true);
      assert.equal(answer.error, undefined);
      assert.equal(answer.external_token, world.issuer.granted(app, 'authorization_code')[0].given.access_token);
    });

    test('runs the lines that are shown to callers, as they stand', async () => {
      const document = await readFile(new URL('../../docs/callers.md', import.meta.url), 'utf8');
      const [first, ...lines] = document.split('```js\n')[1].split('```')[0].trim().split('\n');
      assert.equal(first, 'import { WebClient } from "@slack/web-api";');
      const shown = lines.join('\n').replace('https://attache.example.com', world.broker.url).replace('Et…', connection);
      const run = new AsyncFunction('WebClient', 'apiKey', `${shown}\nreturn external_token;`);
      assert.equal(await run(WebClient, world.caller.key), world.issuer.granted(app, 'authorization_code')[0].given.access_token);
    });

    test('gets a fresh one when it forces a refresh', async () => {
      const answer = await client.apiCall('apps.auth.external.get', { external_token_id: connection, force_refresh: true });
      assert.equal(answer.external_token, world.issuer.granted(app, 'refresh_token')[0].given.access_token);
    });

    test('reads token_not_found for an id that nobody has', async () => {
      await assert.rejects(client.apiCall('apps.auth.external.get', { external_token_id: 'Et000000000000' }), refused('token_not_found'));
    });

    test('reads invalid_arguments when it names no connection', async () => {
      await assert.rejects(client.apiCall('apps.auth.external.get', {}), refused('invalid_arguments'));
    });

    test('reads invalid_auth for a key that is not ours, and for one that was changed by a letter', async () => {
      const changed = world.caller.key.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
      for (const key of ['xoxb-not-ours', changed]) {
        await assert.rejects(clientWith(key).apiCall('apps.auth.external.get', { external_token_id: connection }), refused('invalid_auth'));
      }
    });

    test('reads not_authed when it brings no key', async () => {
      await assert.rejects(clientWith(undefined).apiCall('apps.auth.external.get', { external_token_id: connection }), refused('not_authed'));
    });

    test('reads token_not_found for a connection of an app that its key is not for', async () => {
      const other = await world.broker.caller('another-function', 'another-app');
      await assert.rejects(clientWith(other.key).apiCall('apps.auth.external.get', { external_token_id: connection }), refused('token_not_found'));
    });

    test('deletes the connection, which is then token_not_found for get and for delete', async () => {
      assert.equal((await client.apiCall('apps.auth.external.delete', { external_token_id: connection })).ok, true);
      await assert.rejects(client.apiCall('apps.auth.external.get', { external_token_id: connection }), refused('token_not_found'));
      await assert.rejects(client.apiCall('apps.auth.external.delete', { external_token_id: connection }), refused('token_not_found'));
    });
  });
}
