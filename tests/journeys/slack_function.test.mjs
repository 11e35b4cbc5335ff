// The example of a workflow function in Slack's shape, as it stands, against the API of a third party.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { forNode } from './bundle.mjs';
import { databases } from './databases.mjs';
import { person } from './issuer.mjs';
import { slackClient } from './slack_function.mjs';
import { ThirdPartyApi } from './third_party_api.mjs';
import { World, app } from './world.mjs';

// What is tried is the example, so the broker is on one database.
describe("The example of a workflow function in Slack's shape", () => {
  let world, someone, connection, api, publish;
  before(async () => {
    world = await World.start(databases.SQLite);
    api = await ThirdPartyApi.start(world.issuer.url);
    someone = await world.signIn();
    connection = await world.connect(someone);
    ({ default: publish } = await import(await forNode('slack-function', 'publish_function.ts')));
  });
  tellOnFailure(() => world?.broker.log);
  after(async () => {
    await api?.stop();
    await world?.stop();
  });

  const run = async () => {
    const messages = [];
    const inputs = { external_token: connection, title: 'From Slack', user_id: 'U0123456789', channel_id: 'C0123456789' };
    const client = slackClient(world.broker.url, world.caller.key, messages);
    return { ...(await publish({ inputs, client, env: { API_URL: api.url } })), messages };
  };

  test('publishes in the name of the person who connected the app', async () => {
    const { error, outputs, messages } = await run();
    assert.equal(error, undefined);
    assert.deepEqual(api.entries, [{ title: 'From Slack', by: person.sub }]);
    assert.deepEqual(messages, [{ channel: 'C0123456789', text: `Published as ${outputs.entry_id}` }]);
  });

  test('tells the person where to connect again, who is then served by the same connection', async () => {
    await world.losesGrant(connection);
    const { error, messages } = await run();
    assert.equal(error, 'There is no token: reconnect_required');
    const [{ user, text }] = messages;
    assert.equal(user, 'U0123456789');
    const page = await someone.open(/https?:\S+$/.exec(text)[0]);
    const back = await world.issuer.walk(someone, await someone.press(page, /^continue to foreign issuer$/i));
    assert.equal(back.status, 200, back.words);
    assert.equal((await run()).outputs.entry_id, 'entry2');
  });

  test('says token_not_found once the person has stopped the access', async () => {
    await world.stopAccess(someone, connection);
    assert.equal((await run()).error, 'There is no token: token_not_found');
    assert.equal(api.entries.length, 2);
  });
});
