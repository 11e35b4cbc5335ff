// The source document's own function, with nothing changed but its two addresses.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Demo, tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import createContent from './hygraph/create_content_function.mjs';
import { DemoVisit } from './demo_visit.mjs';
import { person } from './issuer.mjs';
import { slackClient } from './slack_function.mjs';
import { World, project } from './world.mjs';

async function run({ broker, content, key, connection }) {
  process.env.HYGRAPH_MANAGEMENT_API_URL = `${broker}/graphql`;
  process.env.HYGRAPH_CONTENT_API_URL = content;
  const messages = [];
  const inputs = { token: connection, project_id: project, model_id: 'DemoModel23May20250843', channel_id: 'C0123456789' };
  const answer = await createContent({ inputs, client: slackClient(broker, key, messages) });
  return { ...answer, messages };
}

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`The source document's function, on ${name}`, () => {
    let world, someone, connection;
    before(async () => {
      world = await World.start(makeDatabase);
      someone = await world.signIn();
      connection = await world.connect(someone);
    });
    after(() => world?.stop());
    tellOnFailure(() => world?.broker.log);
    const runHere = () => run({ broker: world.broker.url, content: world.content.url, key: world.caller.key, connection });

    test('creates an entry in the name of the person who connected the app', async () => {
      const { error, outputs, messages } = await runHere();
      assert.equal(error, undefined);
      const [entry] = world.content.entries;
      assert.equal(entry.title, `Sample Content ${outputs.contentId}`);
      assert.equal(entry.by.sub_id.sub, person.sub);
      assert.equal(messages[0].text, `Content created successfully with ID: ${outputs.contentId}`);
    });

    test('says token_not_found once the person has stopped the access', async () => {
      await world.stopAccess(someone, connection);
      assert.equal((await runHere()).error, 'Failed to retrieve the external auth token due to token_not_found');
      assert.equal(world.content.entries.length, 1);
    });
  });
}

describe("The source document's function, in the demo", () => {
  let demo;
  before(async () => {
    demo = await Demo.start();
  });
  after(() => demo?.stop());
  tellOnFailure(() => demo?.log);

  test('creates an entry on the sandbox platform, which shows whose it is', async () => {
    const visit = new DemoVisit(demo);
    const { key, connection } = await visit.connect(/^demo editor\b/i);
    const content = `${demo.content}/v2/${project}/master`;
    const { error, outputs } = await run({ broker: demo.url, content, key, connection });
    assert.equal(error, undefined);
    const platform = await visit.someone.open(demo.content);
    assert.match(platform.words, new RegExp(`Sample Content ${outputs.contentId} .*?Created by Demo Editor`));
  });
});
