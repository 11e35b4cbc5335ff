// A person, an app and an operator at each of the issuers: node journey.test.mjs [NAME…], or tests/issuers/run.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tellOnFailure, until } from '../journeys/attache.mjs';
import { Missing } from './bring.mjs';
import { consult } from './doctor.mjs';
import { known } from './findings.mjs';
import { issuers } from './issuers.mjs';
import { World } from './world.mjs';

// A refresh is asked for once in 30 s at the most, forced or not.
const patience = 45;
// Seconds: the doctor waits 1, 2 and 5 before it presents a spent token again.
const longestLeeway = 5;

function journey(issuer, version) {
  describe(`At ${issuer.title} ${version}`, () => {
    const { rotates, tells, found } = known[issuer.name];
    let world, visitor, connection;
    before(async () => {
      world = await World.start(issuer);
    });
    after(() => world?.stop());
    tellOnFailure(() => `${world?.broker?.log}\n--- ${issuer.name}:\n${world?.server?.log ?? ''}`);

    const handOut = async (values) => {
      const answer = await world.handOut(connection, values);
      assert.equal(answer.ok, true, JSON.stringify({ ...answer, external_token: undefined }));
      return answer.external_token;
    };
    const refreshes = () => world.recorder.exchanges.filter(({ grant, status }) => grant === 'refresh_token' && status === 200);

    /** Forces the next refresh; answers with what the issuer was asked and gave. */
    const refresh = async () => {
      const before = refreshes().length;
      const old = await handOut();
      let fresh = old;
      for (let seconds = 0; fresh === old && seconds < patience; seconds += 1) {
        await sleep(1000);
        fresh = await handOut({ force_refresh: 'true' });
      }
      assert.notEqual(fresh, old, `another access token within ${patience} s`);
      const [exchange, ...more] = refreshes().slice(before);
      assert.deepEqual(more, [], 'one refresh reached the issuer');
      assert.equal(fresh, exchange.given.access_token);
      return exchange;
    };

    test('a person signs in', async () => {
      visitor = await world.visitor();
      await visitor.signIn();
    });

    test('connects the app, which gets an access token', async () => {
      connection = await visitor.connect();
      assert.equal(await handOut(), world.recorder.exchanges.at(-1).given.access_token);
      assert.ok(world.recorder.lastRefreshToken, 'a refresh token came with the consent');
    });

    test('the connection is refreshed', () => refresh());

    test(`and once more, and the refresh token is ${rotates ? 'replaced' : 'kept'}`, async () => {
      const { sent, given } = await refresh();
      assert.equal(Boolean(given.refresh_token) && given.refresh_token !== sent.refresh_token, rotates);
    });

    test('after a renewal in the same browser it is the same connection, and still refreshes', async () => {
      assert.equal(await visitor.connect(), connection);
      assert.equal(await handOut(), world.recorder.exchanges.at(-1).given.access_token);
      await refresh();
    });

    test('the access token becomes a content token', async () => {
      const { status, body } = await world.exchange(await handOut());
      assert.equal(status, 200, JSON.stringify(body));
      const { payload } = await world.content.read(body.access_token);
      assert.deepEqual(payload.act, { sub: world.caller.id });
    });

    test(`the page says that the issuer ${tells ? 'is' : 'can’t be'} told, and after Stop nothing is handed out`, async () => {
      const token = await handOut();
      const { promised } = await visitor.stopAccess(connection);
      assert.match(promised, tells ? /until it confirms/ : /can’t be told by us/);
      assert.equal((await world.handOut(connection)).error, 'token_not_found');
      assert.equal((await world.exchange(token)).status, 400);
    });

    test(tells ? 'the issuer is told, and the refresh token is dead there' : 'the issuer is not told, and the refresh token lives on there', async () => {
      const last = world.recorder.lastRefreshToken;
      if (tells) await until('the revocation', () => world.recorder.revocations.some(({ token, status }) => token === last && status === 200));
      else assert.deepEqual(world.recorder.revocations, []);
      assert.equal((await world.refreshAtIssuer(last)).status === 200, !tells);
    });

    test('no page broke its policy, called elsewhere or complained', () => assert.deepEqual(world.browser.faults, []));

    test('attache check --consent finds out what it is like', async () => {
      const said = await consult(world, longestLeeway);
      console.log(said.replace(/^/gm, '    '));
      for (const line of found) assert.match(said, line);
    });

  });
}

// Only a process that exits ends what it started.
for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]]) process.on(signal, () => process.exit(status));

const names = process.argv.slice(2);
const strange = names.filter((name) => !issuers.some((issuer) => issuer.name === name));
assert.deepEqual(strange, [], `there are ${issuers.map(({ name }) => name).join(', ')}`);

const skipped = [];
for (const issuer of issuers.filter(({ name }) => names.length === 0 || names.includes(name))) {
  try {
    journey(issuer, await issuer.bring());
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    skipped.push(`skipped: ${issuer.name}: ${error.message}`);
  }
}
process.once('exit', () => skipped.forEach((line) => console.log(line)));
