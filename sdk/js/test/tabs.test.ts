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
  void world.tab();
  // The cookie is still that of the session before: the new tab waits for whoever may know more.
  await world.pass(50);
  assert.equal(one.attache.state.user?.id, "ac_2");
  assert.notEqual(await one.attache.session.getToken("hasura"), before);
  assert.equal(claimsOf(await one.attache.session.getToken()).sid, "se_2");
});

for (const options of [{ skipCache: true }, { resource: "https://api.example.com" }]) {
  test(`a session that changed without a word is noticed by the token's own sid, with ${Object.keys(options)}`, async () => {
    const world = new World();
    const { attache } = world.tab();
    await attache.session.getToken();
    world.session = { id: "se_2", user: "ac_2" };
    const asked = attache.session.getToken(options);
    await world.pass(50);
    const token = await asked;
    assert.equal(claimsOf(token).sid, "se_2");
    assert.equal(attache.state.user?.id, "ac_2");
  });
}

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

test("a tab that was opened later is given what the others hold, and asks for nothing", async () => {
  const world = new World();
  const one = world.tab();
  const [own, hasura] = [await one.attache.session.getToken(), await one.attache.session.getToken("hasura")];
  await world.pass(20_000);
  const two = world.tab();
  assert.equal(await two.attache.session.getToken(), own);
  assert.equal(await two.attache.session.getToken("hasura"), hasura);
  assert.equal(world.asks(TOKENS), 1);
  world.sleep(35_000);
  assert.notEqual(await two.attache.session.getToken("hasura"), hasura, "it ends there at the same time");
});

test("three tabs, one of them late, make one request per expiry for ten minutes", async () => {
  const world = new World();
  const tabs = [world.tab(), world.tab()];
  await Promise.all(tabs.map(({ attache }) => attache.session.getToken()));
  for (let renewals = 1; renewals <= 13; renewals++) {
    if (renewals === 5) tabs.push(world.tab());
    await world.pass(45_000);
    const tokens = await Promise.all(tabs.map(({ attache }) => attache.session.getToken()));
    assert.equal(new Set(tokens).size, 1);
    assert.equal(world.asks(TOKENS), 1 + renewals);
  }
});

test("where the cookie says that another tab has a token, its answer is waited for", async () => {
  const world = new World();
  const token = await world.tab().attache.session.getToken();
  world.messagesTake = 20;
  const asked = world.tab().attache.session.getToken();
  await world.pass(40);
  assert.equal(await asked, token);
  assert.equal(world.asks(TOKENS), 1);
});

test("a tab whose others do not answer waits for 50 milliseconds and no longer", async () => {
  const world = new World();
  await world.tab().attache.session.getToken();
  world.messagesTake = 200;
  void world.tab().attache.session.getToken();
  await world.pass(49);
  assert.equal(world.asks(TOKENS), 1);
  await world.pass(1);
  assert.equal(world.asks(TOKENS), 2);
});

test("the only tab waits for nobody: at first, from page to page, at a renewal, and after its token ran out", async () => {
  const world = new World();
  world.messagesTake = 20;
  let tab = world.tab();
  for (let pages = 1; pages <= 3; pages++) {
    assert.ok(await tab.attache.session.getToken());
    assert.equal(world.asks(TOKENS), pages);
    tab = tab.turn();
  }
  assert.ok(await tab.attache.session.getToken());
  world.sleep(56_000);
  assert.ok(await tab.attache.session.getToken());
  assert.equal(world.asks(TOKENS), 5);
  assert.equal(world.time, 0);
});

test("a tab that was frozen takes what another one was given meanwhile", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  await Promise.all([one, two].map(({ attache }) => attache.session.getToken()));
  const thaw = world.freeze(two);
  await world.pass(600_000);
  const asks = world.asks(TOKENS);
  thaw();
  two.comeBack();
  assert.equal(await two.attache.session.getToken(), await one.attache.session.getToken());
  assert.equal(world.asks(TOKENS), asks);
});

test("a tab hears nothing of tokens before it knows whose they are, and keeps none of another session", async () => {
  const world = new World();
  const { time, wallAhead } = world;
  const release = world.hold("GET /v1/session");
  const { attache } = world.tab();
  await world.settle();
  for (const [session, jwt] of [["se_0", "of another"], ["se_1", "good"]]) {
    world.tell({ kind: "token", session, key: `template ${session}`, jwt, life: 60_000, spent: 0, wall: time + wallAhead });
  }
  assert.equal(attache.session.id, null);
  release();
  assert.equal(await attache.session.getToken("se_1"), "good");
  assert.notEqual(await attache.session.getToken("se_0"), "of another");
});

test("a tab that is closed tells nobody anything more, and renews nothing", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  await world.settle();
  const release = world.hold("POST /v1/session/tokens/hasura");
  const late = one.attache.session.getToken("hasura");
  await world.settle();
  one.attache.close();
  two.attache.close();
  release();
  assert.ok(await late);
  const asks = world.asked.length;
  await world.pass(600_000);
  assert.equal(world.asked.length, asks);
});

test("a page out of the back/forward cache asks at once who is signed in", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  await Promise.all([one, two].map(({ attache }) => attache.session.getToken()));
  // What is told to a page that is kept there is lost.
  world.freeze(two);
  await one.attache.signOut();
  two.comeBack(true);
  await world.settle();
  assert.equal(two.attache.state.session, null);
  assert.equal(await two.attache.session.getToken(), null);
});

test("a used token is renewed although other tabs told it once more meanwhile", async () => {
  const world = new World();
  const [one] = [world.tab(), world.tab()];
  await world.settle();
  await one.attache.session.getToken("hasura");
  await world.pass(10_000);
  // Messages take their time, so by one of the clocks what is told again seems to live longer.
  world.messagesTake = 5;
  world.wallAhead -= 1_000;
  world.tab();
  await world.pass(40_000);
  assert.equal(world.asks("/v1/session/tokens/hasura"), 2);
});
