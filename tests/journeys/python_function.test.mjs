// The example in Python, as it stands, with httpx, against the API of a third party.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import { person } from './issuer.mjs';
import { ThirdPartyApi } from './third_party_api.mjs';
import { World, app } from './world.mjs';

const script = fileURLToPath(new URL('../../examples/python-function/publish.py', import.meta.url));

// What is tried is the example, so the broker is on one database.
describe('The example in Python', () => {
  let world, connection, api;
  before(async () => {
    // One request a second: who asks twice at once is told to come back.
    world = await World.start(databases.SQLite, {}, {}, {}, { sections: { limits: { key_per_second: 1, key_burst: 1 } } });
    api = await ThirdPartyApi.start(world.issuer.url);
    connection = await world.connect(await world.signIn());
  });
  tellOnFailure(() => world?.broker.log);
  after(async () => {
    await api?.stop();
    await world?.stop();
  });

  /** The exit code, and the lines on both outputs. */
  const run = async (...connections) => {
    const variables = { PATH: process.env.PATH, ATTACHE_URL: world.broker.url, ATTACHE_API_KEY: world.caller.key, API_URL: api.url };
    const python = spawn(process.env.ATTACHE_TEST_PYTHON ?? 'python3', [script, ...connections], { env: variables });
    const lines = async (stream) => (await text(stream)).split('\n').filter(Boolean);
    const said = Promise.all([lines(python.stdout), lines(python.stderr)]);
    const [code] = await once(python, 'exit');
    return [code, ...(await said)];
  };
  const refusals = () => world.broker.log.match(/answered status=429/g)?.length ?? 0;

  test('publishes in the name of the person who connected the app, and waits when either side asks it to', async () => {
    api.busy = 1;
    const published = (id) => `${connection}: published entry${id}`;
    assert.deepEqual(await run(connection, connection, connection), [0, [1, 2, 3].map(published), []]);
    assert.deepEqual(api.entries, Array(3).fill({ title: 'From Python', by: person.sub }));
    assert.equal(api.busy, 0, 'the API was asked again');
    assert.ok(refusals() > 0, 'Attaché told it to come back');
  });

  test('goes on with the others when it knows nothing of one', async () => {
    const [code, said, complaints] = await run('Etnone', connection);
    assert.equal(code, 1);
    assert.equal(said.length, 1);
    assert.match(complaints[0], /^Etnone: connection_not_found: /);
  });

  test('says where the person connects again', async () => {
    const other = await world.broker.caller('another-function', app);
    await world.losesGrant(connection, other.key);
    const [code, said, [complaint]] = await run(connection);
    assert.deepEqual([code, said], [1, []]);
    const { origin, pathname } = new URL(/please connect the app again: (\S+)$/.exec(complaint)[1]);
    assert.deepEqual([origin, pathname], [world.broker.url, '/connect/content-writer']);
  });
});
