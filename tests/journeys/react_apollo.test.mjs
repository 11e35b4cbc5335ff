// The example with Apollo Client, in a real browser, and the API behind it: PostGraphile on a database with row-level security,
// which believes tokens with Hasura's claims.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import { freePorts, tellOnFailure } from './attache.mjs';
import { databases, psql } from './databases.mjs';
import { person } from './issuer.mjs';
import { PlatformWorld } from './platform_world.mjs';
import { Program } from './program.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const hasura = { preset: 'hasura', audience: 'https://api.example.com/graphql', claims: { 'x-hasura-default-role': 'note_keeper' } };
/** Seconds. */
const life = 60;

// What is tried is the example, so the broker is on one database.
describe('React with Apollo Client', () => {
  let platform, database, api, context;
  before(async () => {
    platform = await PlatformWorld.start(databases.SQLite, { hasura });
    database = await databases.PostgreSQL();
    await psql(await readFile(here('../../examples/react-apollo/schema.sql'), 'utf8'), database.url);
    await psql("INSERT INTO note (author, words) VALUES ('ac_somebody_else', 'Not yours')", database.url);
    const { url, direct } = platform.world.broker;
    api = await Program.start('react-apollo', 'api.mjs', await freePorts(1), {
      DATABASE_URL: database.url,
      ATTACHE_URL: url,
      ATTACHE_INTERNAL_URL: direct,
      PAGE_ORIGIN: platform.pages.web,
    });
    const document = { entry: here('documents/apollo_3.jsx'), other: { '@apollo/client': 'apollo-client-3' } };
    platform.pages.particular = { 'react-apollo': { api: api.url }, 'react-apollo-3': { api: api.url, ...document } };
    const page = await platform.signedIn();
    context = page.context();
    await page.close();
  });
  tellOnFailure(() => `${platform?.world?.broker.log}\n${api?.log}`);
  after(async () => {
    await platform?.stop();
    await api?.stop();
    await database?.drop();
    await psql('DROP ROLE IF EXISTS note_keeper');
  });

  /** The page at a clock of its own, and the tokens that it sends to the API. */
  const opened = async (example) => {
    const page = await context.newPage();
    await page.clock.install();
    const sent = [];
    page.on('request', (request) => {
      const bearer = request.url().startsWith(api.url) && request.headers().authorization;
      if (bearer) sent.push(bearer.replace('Bearer ', ''));
    });
    await page.goto(`${platform.pages.web}/examples/${example}/`);
    await page.locator('#notes').waitFor({ state: 'attached' });
    return { page, sent };
  };
  const notes = (page) => page.locator('#notes li').allTextContents();
  const asked = async (token, query) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${api.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
    return { status: answer.status, ...(await answer.json()) };
  };

  test("shows a person the notes that are theirs, and writes in nobody else's name", async () => {
    const { page, sent } = await opened('react-apollo');
    await page.getByText(person.name).waitFor();
    await page.getByLabel('A new note').fill('Buy milk');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByText('Buy milk').waitFor();
    assert.deepEqual(await notes(page), ['Buy milk']);
    await page.screenshot({ path: here('screenshots/react-apollo.png'), fullPage: true });
    const { sub, azp, 'https://hasura.io/jwt/claims': claims } = decodeJwt(sent[0]);
    assert.equal(azp, platform.pages.web);
    assert.deepEqual(claims, { 'x-hasura-default-role': 'note_keeper', 'x-hasura-allowed-roles': ['note_keeper'], 'x-hasura-user-id': sub });
    const theirs = 'mutation { createNote(input: { note: { words: "Buy beer", author: "ac_somebody_else" } }) { note { id } } }';
    assert.match((await asked(sent.at(-1), theirs)).errors[0].message, /row-level security/);
  });

  test('has an API that refuses the token of the session, which is for somebody else', async () => {
    const session = (await context.cookies(platform.pages.web)).find((cookie) => cookie.name === 'attache_session');
    const { status, errors } = await asked(session.value, '{ allNotes { nodes { words } } }');
    assert.equal(status, 401);
    assert.match(errors[0].message, /for somebody else/);
  });

  for (const [example, client] of [['react-apollo', 'Apollo Client 4'], ['react-apollo-3', "the Hasura document's own lines under Apollo Client 3"]]) {
    test(`${client}: no token is sent that ran out, while the page is open and after the machine slept`, async () => {
      const { page, sent } = await opened(example);
      /** The id of the token that is sent when somebody looks again. */
      const looked = async () => {
        const answered = page.waitForResponse((response) => response.url().startsWith(api.url) && response.request().method() === 'POST');
        await page.getByRole('button', { name: 'Look again' }).click();
        assert.equal((await answered).status(), 200);
        return decodeJwt(sent.at(-1)).jti;
      };
      const uses = [];
      for (let passed = 0; passed < 180; passed += 20) {
        uses.push({ passed, jti: await looked() });
        await page.clock.runFor(20_000);
      }
      for (const { jti, passed } of uses) {
        const first = uses.find((use) => use.jti === jti);
        assert.ok(passed - first.passed < life, `one token was sent after ${first.passed} s and after ${passed} s`);
      }
      const tokens = new Set(uses.map(({ jti }) => jti));
      assert.ok(tokens.size <= 6, `${tokens.size} tokens in three minutes`);
      await page.clock.fastForward('08:00:00');
      assert.ok(!tokens.has(await looked()), 'a new one after the night');
      assert.deepEqual(await notes(page), ['Buy milk']);
    });
  }
});
