// Promises between tabs of one origin.
import assert from "node:assert/strict";
import { test } from "node:test";
import { World, claimsOf } from "./world.js";

const TOKENS = "/v1/session/tokens";

test("two tabs make one request per expiry", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  const given = await Promise.all([one.attache.session.getToken(), two.attache.session.getToken()]);
  assert.equal(given[0], given[1]);
  assert.equal(world.asks(TOKENS), 1);
  for (let renewals = 1; renewals <= 5; renewals++) {
    await world.pass(45_000);
    assert.equal(world.asks(TOKENS), 1 + renewals);
  }
  assert.equal(await one.attache.session.getToken(), await two.attache.session.getToken());
});

test("a token that one tab was given is good in the other, and ends there at the same time", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  await world.settle();
  const token = await one.attache.session.getToken("hasura");
  await world.settle();
  assert.equal(await two.attache.session.getToken("hasura"), token);
  world.sleep(55_000);
  assert.notEqual(await two.attache.session.getToken("hasura"), token);
});

test("a sign-out in one tab empties the other", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  await Promise.all([one.attache.session.getToken("hasura"), two.attache.session.getToken("hasura")]);
  await one.attache.signOut();
  await world.settle();
  assert.equal(two.attache.state.session, null);
  assert.equal(await two.attache.session.getToken("hasura"), null);
  assert.match(two.cookies.at(-2)!, /^attache_session=; Max-Age=0/);
});

test("a token that arrives after the sign-out is dropped", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  await world.settle();
  const release = world.hold("POST /v1/session/tokens/hasura");
  const late = one.attache.session.getToken("hasura");
  await world.settle();
  await two.attache.signOut();
  await world.settle();
  release();
  assert.equal(await late, null);
});

test("another person who signs in in one tab gets no token of the one before in the other", async () => {
  const world = new World();
  const one = world.tab();
  const before = await one.attache.session.getToken("hasura");
  world.session = { id: "se_2", user: "ac_2" };
  const two = world.tab();
  await two.attache.session.getToken();
  await world.settle();
  assert.equal(one.attache.state.user?.id, "ac_2");
  assert.notEqual(await one.attache.session.getToken("hasura"), before);
  assert.equal(claimsOf(await one.attache.session.getToken()).sid, "se_2");
});

test("a session that changed without a word is noticed by the token's own sid", async () => {
  const world = new World();
  const { attache } = world.tab();
  await attache.session.getToken();
  world.session = { id: "se_2", user: "ac_2" };
  const token = await attache.session.getToken({ skipCache: true });
  assert.equal(claimsOf(token).sid, "se_2");
  assert.equal(attache.state.user?.id, "ac_2");
});

test("a token of a session that is over here is not taken from a tab that is late", async () => {
  const world = new World();
  const { attache } = world.tab();
  await attache.load();
  const { time, wallAhead } = world;
  world.tell({ kind: "token", session: "se_0", key: "template hasura", jwt: "late", life: 60_000, spent: 0, wall: time + wallAhead });
  assert.notEqual(await attache.session.getToken("hasura"), "late");
});

test("an answer that is older than a sign-out signs nobody in again", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  await Promise.all([one.attache.load(), two.attache.load()]);
  await world.pass(61_000);
  const release = world.hold("GET /v1/session");
  one.comeBack();
  await world.settle();
  await two.attache.signOut();
  await world.settle();
  const seen: unknown[] = [];
  one.attache.subscribe((state) => seen.push(state));
  release();
  await world.settle();
  assert.equal(one.attache.state.session, null);
  assert.deepEqual(seen, []);
});

test("who skips the cache while another tab asks is not given what that tab gets", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  await world.settle();
  const release = world.hold("POST /v1/session/tokens/hasura");
  const others = one.attache.session.getToken("hasura");
  await world.settle();
  const waiting = two.attache.session.getToken("hasura");
  await world.settle();
  const fresh = two.attache.session.getToken({ template: "hasura", skipCache: true });
  release();
  assert.notEqual(await fresh, await others);
  assert.equal(await waiting, await fresh);
});
