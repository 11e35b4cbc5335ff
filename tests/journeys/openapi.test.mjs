// Schemathesis, a stranger's tool, reads the document of a running broker and asks whatever the document allows and much that it
// does not: no answer is a failure of the server, has a status that is not documented, or differs from its schema.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { Browser } from './browser.mjs';
import { databases } from './databases.mjs';
import { World, project } from './world.mjs';

const schemathesis = process.env.ATTACHE_TEST_SCHEMATHESIS;
assert.ok(schemathesis, 'ATTACHE_TEST_SCHEMATHESIS must be the program schemathesis; tests/run installs it');

const origin = 'https://app.example.com';
const sections = {
  session_tokens: { allowed_origins: [origin] },
  limits: { key_per_second: 0, failures_per_minute: 0, session_tokens_per_minute: 0, subject_failures_per_minute: 0 },
};

/** What it needs to be let in everywhere. */
const configuration = ({ caller, connection, resourceServer, session, contentToken }) => `
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
session = { api_key = "${session}" }
contentToken = { bearer = "${contentToken}" }

[[operations]]
include-tag = "Session"
headers = { Origin = "${origin}" }

[[operations]]
include-operation-id = ["getConnection", "getAccessToken"]
parameters = { "path.id" = "${connection}" }

[[operations]]
include-operation-id = "createTemplateToken"
parameters = { "path.template" = "hasura" }

# A text that only fits the schema may still name nothing: a page that is not listed, a place in a list, a resource. 400
# says so.
[[operations]]
include-operation-id = ["handshake", "listConnections", "createSessionToken"]
checks.positive_data_acceptance.enabled = false

# So with a grant that nobody has, and with a client that proves itself twice (RFC 6749 section 5.2).
[[operations]]
include-tag = "OAuth"
checks.positive_data_acceptance.enabled = false
`;

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`The document of the API, with the broker on ${name}`, () => {
    let world, report;
    before(async () => {
      world = await World.start(makeDatabase, {}, { hasura: { claims: { 'x-role': 'user' } } }, {}, { sections });
      const person = await world.signIn();
      const connection = await world.connect(person);
      const { broker, caller } = world;
      const made = await broker.run('resource-server', 'create', '--environment', 'demo-master');
      const resourceServer = { id: /\brs_[A-Za-z0-9-]+/.exec(made.stderr)[0], secret: made.stdout.trim() };
      const session = new RegExp(`attache-${new URL(broker.url).port}=([^;]+)`).exec(person.cookie(new URL(broker.url)))[1];
      const contentToken = await exchange(connection);
      await writeFile(join(broker.directory, 'schemathesis.toml'), configuration({ caller, connection, resourceServer, session, contentToken }));
    });
    tellOnFailure(() => report);
    after(() => world?.stop());

    const exchange = async (connection) => {
      const { id, key } = world.caller;
      const body = new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: connection,
        subject_token_type: 'urn:attache:params:oauth:token-type:connection',
        audience: `${project}/master`,
      });
      const authorization = `Basic ${Buffer.from(`${id}:${key}`).toString('base64')}`;
      const answer = await fetch(`${world.broker.url}/oauth/token`, { method: 'POST', headers: { authorization }, body });
      return (await answer.json()).access_token;
    };

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

    test('is shown as a page that anybody can read', async () => {
      const { url } = world.broker;
      const { paths } = await (await fetch(`${url}/openapi.json`)).json();
      const browser = await Browser.start(url);
      try {
        const page = await browser.open();
        await page.goto(`${url}/openapi`);
        for (const { operationId } of Object.values(paths).flatMap(Object.values)) {
          assert.ok(await page.locator(`h3#${operationId}`).isVisible(), operationId);
        }
        const ids = await page.evaluate(() => [...document.querySelectorAll('a[href^="#"]')].filter((link) => !document.getElementById(link.hash.slice(1))).map((link) => link.hash));
        assert.deepEqual(ids, [], 'every link leads somewhere');
        await browser.photograph(page, 'openapi', { forDevelopers: true });
        assert.deepEqual(browser.faults, []);
      } finally {
        await browser.stop();
      }
    });

    test('is kept by every operation, as Schemathesis finds', { timeout: 180_000 }, async () => {
      // Who signs out can do nothing else.
      assert.equal(await run('--exclude-operation-id', 'endSession'), 0);
      assert.match(report, /\b[1-9]\d* generated/);
      assert.equal(await run('--include-operation-id', 'endSession'), 0);
    });
  });
}
