// Content tokens before verifiers that the broker was not built beside: npm's jose and PyPI's pyjwt, each with nothing but the
// address of the published key set.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { tellOnFailure, until } from './attache.mjs';
import { databases } from './databases.mjs';
import { World, app } from './world.mjs';

const algorithms = ['EdDSA', 'ES256', 'RS256'];
const required = ['exp', 'iat', 'jti', 'sub', 'client_id', 'aud', 'iss'];
const audience = (algorithm) => `https://content.example/${algorithm}`;
const environment = (algorithm) => ({
  project: 'signed',
  environment: algorithm,
  content_api_url: audience(algorithm),
  algorithm,
  apps: [app],
  accounts: 'any',
});
const environments = Object.fromEntries(algorithms.map((algorithm) => [algorithm.toLowerCase(), environment(algorithm)]));

/** A process that verifies one token a line, with pyjwt. */
class Pyjwt {
  constructor(keys) {
    const script = fileURLToPath(new URL('verify.py', import.meta.url));
    this.child = spawn(process.env.ATTACHE_TEST_PYTHON ?? 'python3', [script, keys], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** The claims; throws with what pyjwt calls the fault. */
  async verify(token, expected) {
    this.child.stdin.write(`${JSON.stringify({ token, required, ...expected })}\n`);
    const { value, done } = await this.lines.next();
    assert.equal(done, false, 'verify.py ended; it needs PyPI\'s pyjwt[crypto], and ATTACHE_TEST_PYTHON names the Python that has it');
    const { claims, fault } = JSON.parse(value);
    if (fault) throw new Error(fault);
    return claims;
  }

  stop() {
    this.child.stdin.end();
  }
}

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`Verifiers that know the published key set alone, on ${name}`, () => {
    let world, connection, keys, jose, pyjwt;
    before(async () => {
      world = await World.start(makeDatabase, {}, {}, environments);
      connection = await world.connect(await world.signIn());
      keys = `${world.broker.url}/.well-known/jwks.json`;
      jose = createRemoteJWKSet(new URL(keys));
      pyjwt = new Pyjwt(keys);
    });
    after(async () => {
      pyjwt?.stop();
      await world?.stop();
    });
    tellOnFailure(() => world?.broker.log);

    const exchange = async (algorithm) => {
      const answer = await fetch(`${world.broker.url}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${world.caller.id}:${world.caller.key}`).toString('base64')}` },
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: connection,
          subject_token_type: 'urn:attache:params:oauth:token-type:connection',
          audience: `signed/${algorithm}`,
        }),
      });
      const body = await answer.json();
      assert.equal(answer.status, 200, JSON.stringify(body));
      return body.access_token;
    };
    const published = async () => (await (await fetch(keys)).json()).keys;
    const expected = (algorithm) => ({ issuer: world.broker.url, audience: audience(algorithm), algorithms: [algorithm] });

    for (const algorithm of algorithms) {
      test(`jose and pyjwt take what is signed by ${algorithm}, and nothing else`, async () => {
        const token = await exchange(algorithm);
        const { payload, protectedHeader } = await jwtVerify(token, jose, { ...expected(algorithm), typ: 'at+jwt', requiredClaims: required });
        assert.equal(protectedHeader.alg, algorithm);
        assert.deepEqual(await pyjwt.verify(token, expected(algorithm)), payload);
        const elsewhere = { ...expected(algorithm), audience: 'https://content.example/elsewhere' };
        await assert.rejects(jwtVerify(token, jose, elsewhere), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
        await assert.rejects(pyjwt.verify(token, elsewhere), /InvalidAudienceError/);
        const [header, claims, signature] = token.split('.');
        const altered = Buffer.from(JSON.stringify({ ...payload, sub: 'somebody else' })).toString('base64url');
        for (const forged of [`${header}.${altered}.${signature}`, `${header}.${claims}.${signature.slice(0, -8)}AAAAAAAA`]) {
          await assert.rejects(jwtVerify(forged, jose, expected(algorithm)), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
          await assert.rejects(pyjwt.verify(forged, expected(algorithm)), /InvalidSignatureError/);
        }
      });
    }

    test('keys to come are published, and disturb nobody', async () => {
      await world.broker.run('signing-key', 'rotate');
      await until('the keys to come', async () => (await published()).length === 6);
      const set = await published();
      assert.equal(new Set(set.map((key) => key.kid)).size, 6);
      const anew = createRemoteJWKSet(new URL(keys));
      for (const algorithm of algorithms) {
        const token = await exchange(algorithm);
        await jwtVerify(token, anew, expected(algorithm));
        await pyjwt.verify(token, expected(algorithm));
      }
    });

    test('a key that leaked is withdrawn, and what it signed is refused', async () => {
      const leaked = await exchange('ES256');
      const { kid } = decodeProtectedHeader(leaked);
      await world.broker.run('signing-key', 'rotate', '--algorithm', 'ES256', '--withdraw');
      await until('the key to be gone', async () => (await published()).every((key) => key.kid !== kid));
      const anew = createRemoteJWKSet(new URL(keys));
      await assert.rejects(jwtVerify(leaked, anew, expected('ES256')), { code: 'ERR_JWKS_NO_MATCHING_KEY' });
      const token = await exchange('ES256');
      assert.notEqual(decodeProtectedHeader(token).kid, kid);
      await jwtVerify(token, anew, expected('ES256'));
      // It meets an unknown key, and reads the key set again by itself.
      await pyjwt.verify(token, expected('ES256'));
      await jwtVerify(await exchange('EdDSA'), anew, expected('EdDSA'));
    });
  });
}
