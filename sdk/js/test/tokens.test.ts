// Promises of getToken(): what is kept, for how long, and how often the broker is asked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AttacheError } from "../src/index.js";
import { World, claimsOf } from "./world.js";

const TOKENS = "/v1/session/tokens";
const HASURA = "/v1/session/tokens/hasura";

async function hasCode(work: Promise<unknown>, code: string): Promise<AttacheError> {
  const error = await work.then(
    () => assert.fail("it went well"),
    (error) => error,
  );
  assert.ok(error instanceof AttacheError, String(error));
  assert.equal(error.code, code);
  return error;
}

test("a hundred callers make one request", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  const tokens = await Promise.all(Array.from({ length: 100 }, () => session.getToken("hasura")));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(claimsOf(tokens[0]!).template, "hasura");
  assert.equal(world.asks(HASURA), 1);
  assert.equal(world.asks("/v1/session"), 1);
});

test("a hundred callers who skip the cache make one request more", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  const first = await session.getToken();
  const tokens = await Promise.all(Array.from({ length: 100 }, () => session.getToken({ skipCache: true })));
  assert.deepEqual([...new Set(tokens)].length, 1);
  assert.notEqual(tokens[0], first);
  assert.equal(world.asks(TOKENS), 2);
});

test("who skips the cache is not given an answer that was under way", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  await session.getToken();
  const release = world.hold(`POST ${HASURA}`);
  const early = session.getToken("hasura");
  await world.settle();
  const late = session.getToken({ template: "hasura", skipCache: true });
  await world.settle();
  release();
  assert.notEqual(await early, await late);
});

test("a kept token is given again without a request, each template its own", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  const own = await session.getToken();
  const hasura = await session.getToken("hasura");
  assert.notEqual(own, hasura);
  assert.equal(await session.getToken(), own);
  assert.equal(await session.getToken({ template: "hasura" }), hasura);
  assert.equal(world.asks(TOKENS), 1);
  assert.equal(world.asks(HASURA), 1);
});

test("a token with five seconds left is missing, one with six is not", async () => {
  const world = new World();
  const tab = world.tab();
  tab.visible = false;
  const first = await tab.attache.session.getToken("hasura");
  world.sleep(54_000);
  assert.equal(await tab.attache.session.getToken("hasura"), first);
  const other = new World();
  const { session } = other.tab().attache;
  const old = await session.getToken("hasura");
  other.sleep(55_000);
  assert.notEqual(await session.getToken("hasura"), old);
});

test("minTtl asks for a new token where the kept one ends sooner", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  const first = await session.getToken("hasura");
  world.sleep(20_000);
  assert.equal(await session.getToken({ template: "hasura", minTtl: 30 }), first);
  assert.notEqual(await session.getToken({ template: "hasura", minTtl: 45 }), first);
});

test("a used token is renewed in the background 15 seconds before its end", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  const first = await session.getToken("hasura");
  await world.pass(44_999);
  assert.equal(world.asks(HASURA), 1);
  await world.pass(1);
  assert.equal(world.asks(HASURA), 2);
  assert.notEqual(await session.getToken("hasura"), first);
  assert.equal(world.asks(HASURA), 2);
});

test("a token that nobody uses is not renewed", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  await session.getToken("hasura");
  await world.pass(600_000);
  assert.equal(world.asks(HASURA), 2);
});

test("who asks in the last 15 seconds gets the old token at once while a new one is under way", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  const first = await session.getToken("hasura");
  world.sleep(50_000);
  const release = world.hold(`POST ${HASURA}`);
  assert.equal(await session.getToken("hasura"), first);
  release();
  await world.settle();
  assert.equal(world.asks(HASURA), 2);
});

test("a laptop that slept for an hour sends no expired token", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  const first = await session.getToken();
  world.sleep(3_600_000);
  assert.notEqual(await session.getToken(), first);
});

test("a wall clock that is wrong, or set back, shortens no token and lengthens none", async () => {
  const world = new World();
  world.wallAhead = -86_400_000;
  const tab = world.tab();
  tab.visible = false;
  const first = await tab.attache.session.getToken("hasura");
  world.wallAhead -= 3_600_000;
  world.time += 30_000;
  assert.equal(await tab.attache.session.getToken("hasura"), first);
  world.time += 26_000;
  assert.notEqual(await tab.attache.session.getToken("hasura"), first);
});

test("nobody is signed in: null, and no token is asked for", async () => {
  const world = new World();
  world.session = null;
  assert.equal(await world.tab().attache.session.getToken(), null);
  assert.equal(world.asks(TOKENS), 0);
});

test("a session that ended elsewhere gives null and says so", async () => {
  const world = new World();
  const tab = world.tab();
  await tab.attache.session.getToken();
  const seen: boolean[] = [];
  tab.attache.subscribe((state) => seen.push(state.session !== null));
  world.session = null;
  assert.equal(await tab.attache.session.getToken("hasura"), null);
  assert.deepEqual(seen, [false]);
  assert.match(tab.cookies.at(-2)!, /^attache_session=; Max-Age=0/);
});

test("a 404 is not tried again", async () => {
  const world = new World();
  world.instead = ({ path }) => (path === HASURA ? { status: 404, body: { error: "template_not_found", message: "No template." } } : undefined);
  const { session } = world.tab().attache;
  const error = await hasCode(session.getToken("hasura"), "template_not_found");
  assert.match(error.message, /Check the name/);
  assert.equal(world.asks(HASURA), 1);
});

for (const answer of ["network", { status: 503, body: { error: "overloaded" } }] as const) {
  test(`${answer === "network" ? "a lost answer" : "a 503"} is tried again, later each time, and four times at the most`, async () => {
    const world = new World();
    const { session } = world.tab().attache;
    await session.getToken();
    const times: number[] = [];
    world.instead = ({ path }) => (path === HASURA ? (times.push(world.time), answer) : undefined);
    const failed = session.getToken("hasura").catch((error) => error);
    await world.pass(60_000);
    assert.ok((await failed) instanceof AttacheError);
    assert.deepEqual(times, [0, 375, 1125, 2625]);
    world.instead = () => undefined;
    assert.ok(await session.getToken("hasura"));
  });
}

test("Retry-After is obeyed, by everybody", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  await session.getToken();
  const times: number[] = [];
  world.instead = ({ path }) => {
    if (path !== HASURA || times.push(world.time) > 1) return undefined;
    return { status: 429, body: { error: "rate_limited", message: "Slow down." }, headers: { "Retry-After": "4" } };
  };
  const token = session.getToken("hasura");
  await world.settle();
  const asked = world.asked.length;
  const other = session.getToken("other");
  await world.pass(3_999);
  assert.equal(world.asked.length, asked);
  await world.pass(10_000);
  assert.ok(await token);
  assert.ok(await other);
  assert.ok(times[1]! >= 4_000);
});

test("a long Retry-After is told at once, and nothing is asked before it is over", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  await session.getToken();
  world.instead = ({ path }) => (path === HASURA ? { status: 429, body: { error: "rate_limited", message: "Slow down.", retry_after: 20 } } : undefined);
  const error = await hasCode(session.getToken("hasura"), "rate_limited");
  assert.equal(error.retryAfter, 20);
  await hasCode(session.getToken("hasura"), "rate_limited");
  assert.equal(world.asks(HASURA), 1);
  world.instead = () => undefined;
  await world.pass(20_000);
  assert.ok(await session.getToken("hasura"));
});

test("what no token can be is refused before anything is asked", async () => {
  const { session } = new World().tab().attache;
  await hasCode(session.getToken({ template: "" }), "invalid_options");
  await hasCode(session.getToken({ resource: "" }), "invalid_options");
  await hasCode(session.getToken({ template: "hasura", resource: "https://api.example.com" }), "invalid_options");
  await hasCode(session.getToken({ minTtl: -1 }), "invalid_options");
});

test("the session's own token is in the app's cookie for the life that it has left, no other one is", async () => {
  const world = new World();
  const tab = world.tab();
  const token = await tab.attache.session.getToken();
  await tab.attache.session.getToken("hasura");
  const lines = tab.cookies.filter((line) => line.startsWith("attache_session="));
  assert.deepEqual(lines, [`attache_session=${token}; Max-Age=60; Path=/; SameSite=Lax; Secure`]);
  await world.pass(45_000);
  assert.equal(tab.cookies.filter((line) => line.startsWith("attache_session=")).length, 2);
});

test("a tab that nobody looks at lets the cookie run out, and renews it when the person is back", async () => {
  const world = new World();
  const tab = world.tab();
  await world.settle();
  tab.visible = false;
  await world.pass(120_000);
  assert.equal(world.asks(TOKENS), 1);
  tab.comeBack();
  await world.settle();
  assert.equal(world.asks(TOKENS), 2);
});

test("at the end of a session nobody asks again and again for its last seconds", async () => {
  const world = new World();
  world.life = 4;
  const { session } = world.tab().attache;
  assert.ok(await session.getToken());
  await world.pass(60_000);
  assert.equal(world.asks(TOKENS), 1);
});

test("tokens are kept when something else about the person changes", async () => {
  const world = new World();
  world.life = 600;
  const tab = world.tab();
  const token = await tab.attache.session.getToken("hasura");
  world.name = "Ada Lovelace";
  await world.pass(61_000);
  tab.comeBack();
  await world.settle();
  assert.equal(tab.attache.state.user?.name, "Ada Lovelace");
  assert.equal(await tab.attache.session.getToken("hasura"), token);
});

test("a token for a resource is asked for by its address, kept by it, and in no cookie", async () => {
  const world = new World();
  const tab = world.tab();
  const { session } = tab.attache;
  const own = await session.getToken();
  const [one, two] = ["https://api.example.com", "https://other.example.com/"];
  const tokens = [await session.getToken({ resource: one }), await session.getToken({ resource: two }), await session.getToken({ resource: one })];
  assert.deepEqual(tokens.map((token) => claimsOf(token).resource), [one, two, one]);
  assert.equal(tokens[0], tokens[2]);
  assert.equal(await session.getToken(), own);
  assert.deepEqual(world.asked.filter(({ path }) => path === TOKENS).map(({ body }) => body), [{}, { resource: one }, { resource: two }]);
  assert.equal(tab.cookies.filter((line) => line.startsWith("attache_session=")).length, 1);
});

test("a token for a resource is shared by all tabs", async () => {
  const world = new World();
  const [one, two] = [world.tab(), world.tab()];
  const resource = "https://api.example.com";
  const tokens = await Promise.all([one, two].map(({ attache }) => attache.session.getToken({ resource })));
  assert.equal(tokens[0], tokens[1]);
  assert.equal(world.asked.filter(({ body }) => body?.resource).length, 1);
});

for (const [status, error] of [[400, "invalid_target"], [404, "environment_not_found"]] as const) {
  test(`a resource that is refused with ${error} is told so, and not asked for again`, async () => {
    const world = new World();
    world.instead = ({ body }) => (body?.resource ? { status, body: { error, message: "Not for you." } } : undefined);
    const { session } = world.tab().attache;
    const told = await hasCode(session.getToken({ resource: "https://api.example.com" }), error);
    assert.equal(told.status, status);
    assert.match(told.message, /Not for you/);
    assert.equal(world.asked.filter(({ body }) => body?.resource).length, 1);
    assert.ok(await session.getToken(), "the session's own token is another matter");
  });
}

test("a laptop that slept while the answer was under way sends no expired token", async () => {
  const world = new World();
  const { session } = world.tab().attache;
  await session.getToken();
  const release = world.hold(`POST ${HASURA}`);
  const token = session.getToken("hasura");
  await world.settle();
  world.sleep(3_600_000);
  release();
  assert.equal(claimsOf(await token).n, 3, "the second answer, not the first");
  assert.equal(world.asks(HASURA), 2);
});
