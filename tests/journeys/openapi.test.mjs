// Schemathesis, a stranger's tool, reads the document of a running broker and asks whatever the document allows and much that it
// does not: no answer is a failure of the server, has a status that is not documented, or differs from its schema.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import { World, app, project } from './world.mjs';

const schemathesis = process.env.ATTACHE_TEST_SCHEMATHESIS;
assert.ok(schemathesis, 'ATTACHE_TEST_SCHEMATHESIS must be the program schemathesis; tests/run installs it');

const origin = 'https://app.example.com';
const sections = {
  session_tokens: { allowed_origins: [origin] },
  limits: { key_per_second: 0, failures_per_minute: 0, session_tokens_per_minute: 0, subject_failures_per_minute: 0 },
};

/** What it needs to be let in everywhere. */
const configuration = ({ caller, connection, resourceServer, cookie }) => `
seed = 20260401

[generation]
max-examples = 12
# Neither may be a header's value.
codec = "ascii"
allow-x00 = false

[auth.openapi]
apiKey = { bearer = "${caller.key}" }
resourceServer = { api_key = "${resourceServer.secret}" }
client = { username = "${caller.id}", password = "${caller.key}" }
resourceServerClient = { username = "${resourceServer.id}", password = "${resourceServer.secret}" }

[[operations]]
include-tag = "Session"
headers = { Origin = "${origin}", Cookie = "${cookie}" }

[[operations]]
include-operation-id = ["getConnection", "getAccessToken"]
parameters = { "path.id" = "${connection}" }

[[operations]]
include-operation-id = "createTemplateToken"
parameters = { "path.template" = "hasura" }
`;

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`Schemathesis, with the broker on ${name}`, () => {
    let world, report;
    before(async () => {
      world = await World.start(makeDatabase, {}, { hasura: { claims: { 'x-role': 'user' } } }, {}, { sections });
      const person = await world.signIn();
      const connection = await world.connect(person);
      const { broker, caller } = world;
      const made = await broker.run('resource-server', 'create', '--environment', 'demo-master');
      const resourceServer = { id: /\brs_[A-Za-z0-9-]+/.exec(made.stderr)[0], secret: made.stdout.trim() };
      const cookie = person.cookie(new URL(broker.url));
      await writeFile(join(broker.directory, 'schemathesis.toml'), configuration({ caller, connection, resourceServer, cookie }));
    });
    tellOnFailure(() => report);
    after(() => world?.stop());

    const run = (...more) =>
      new Promise((resolve) => {
        const { directory, url } = world.broker;
        const args = ['--config-file', join(directory, 'schemathesis.toml'), '--no-color', 'run', `${url}/openapi.json`, '--phases', 'examples,coverage,fuzzing', ...more];
        // It keeps what it learnt in the folder where it runs.
        execFile(schemathesis, args, { cwd: directory, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
          report = stdout + stderr;
          resolve(error?.code ?? 0);
        });
      });

    test('finds nothing wrong with any operation', { timeout: 180_000 }, async () => {
      // Who signs out can do nothing else.
      assert.equal(await run('--exclude-operation-id', 'endSession'), 0);
      assert.match(report, /\b[1-9]\d* generated/);
      assert.equal(await run('--include-operation-id', 'endSession'), 0);
    });
  });
}
