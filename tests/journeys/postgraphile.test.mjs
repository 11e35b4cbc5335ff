// A real GraphQL API, made by PostGraphile of a database with row-level security, trusts content tokens with the claims of a
// template.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import { GraphqlApi } from './graphql_api.mjs';
import { person } from './issuer.mjs';
import { World, project } from './world.mjs';

for (const [name, makeDatabase] of Object.entries(databases)) {
  describe(`PostGraphile, which trusts the broker on ${name}`, () => {
    let api, world, token;
    before(async () => {
      api = await GraphqlApi.start();
      const claims = { role: api.role, email: '{{user.primary_email_address}}' };
      world = await World.start(makeDatabase, {}, { blog: { claims } });
      api.trust(world.broker.url, world.content.url);
      const connection = await world.connect(await world.signIn());
      const answer = await fetch(`${world.broker.url}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${world.caller.id}:${world.caller.key}`).toString('base64')}` },
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: connection,
          subject_token_type: 'urn:attache:params:oauth:token-type:connection',
          audience: `${project}/master`,
        }),
      });
      token = (await answer.json()).access_token;
      assert.ok(token, 'a content token');
    });
    after(async () => {
      await world?.stop();
      await api?.stop();
    });
    tellOnFailure(() => world?.broker.log);

    const posts = '{ allPosts { nodes { author title } } }';

    test('lets the person write as themselves', async () => {
      const mutation = 'mutation { createPost(input: { post: { title: "Mine" } }) { post { author title } } }';
      const { status, data, errors } = await api.ask(token, mutation);
      assert.deepEqual([status, errors], [200, undefined]);
      assert.deepEqual(data.createPost.post, { author: person.email, title: 'Mine' });
    });

    test('shows the person what is theirs, and nothing of others', async () => {
      const { status, data, errors } = await api.ask(token, posts);
      assert.deepEqual([status, errors], [200, undefined]);
      assert.deepEqual(data.allPosts.nodes, [{ author: person.email, title: 'Mine' }]);
    });

    test('lets nobody write in the name of another', async () => {
      const mutation = 'mutation { createPost(input: { post: { title: "Theirs", author: "somebody@else.example" } }) { post { id } } }';
      const { errors } = await api.ask(token, mutation);
      assert.match(errors[0].message, /row-level security/);
    });

    test('refuses a token whose claims were changed, and none at all', async () => {
      const [header, payload, signature] = token.split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url'));
      const forged = Buffer.from(JSON.stringify({ ...claims, email: 'somebody@else.example' })).toString('base64url');
      assert.equal((await api.ask([header, forged, signature].join('.'), posts)).status, 401);
      assert.equal((await api.ask('', posts)).status, 401);
    });
  });
}
