// Promises of the rest of a page's way to the broker: fetch, sign-in, sign-out, connections and connecting.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AttacheError, createAttache } from "../src/index.js";
import { APP, BROKER, Tab, World } from "./world.js";

const notion = (id = "Et1", connected_at = 100) => ({ id, app: { key: "notion", name: "Notion" }, state: "active", connected_at, last_used_at: null });
const code = (work: Promise<unknown>) => work.then(() => "well", (error) => (error instanceof AttacheError ? error.code : String(error)));
const stateOf = (address: string) => new URL(address).searchParams.get("state")!;

test("fetch brings the token, and tries once more with a new one after a 401", async () => {
  const world = new World();
  const seen: (string | null)[] = [];
  const bodies: string[] = [];
  world.elsewhere = (request) => {
    seen.push(request.headers.get("authorization"));
    void request.text().then((text) => bodies.push(text));
    return new Response(null, { status: seen.length === 1 ? 401 : 200 });
  };
  const { attache } = world.tab();
  const answer = await attache.fetch("https://api.example.com/foo", { method: "POST", body: "hello", template: "hasura" });
  await world.settle();
  assert.equal(answer.status, 200);
  assert.equal(seen.length, 2);
  assert.notEqual(seen[0], seen[1]);
  assert.equal(seen[1], `Bearer ${await attache.session.getToken("hasura")}`);
  assert.deepEqual(bodies, ["hello", "hello"]);
});

test("fetch brings the token for a resource where it is told one", async () => {
  const world = new World();
  const seen: (string | null)[] = [];
  world.elsewhere = (request) => (seen.push(request.headers.get("authorization")), new Response(null));
  const { attache } = world.tab();
  const resource = "https://api.example.com";
  await attache.fetch(`${resource}/foo`, { resource });
  assert.deepEqual(seen, [`Bearer ${await attache.session.getToken({ resource })}`]);
});

test("a second 401 is the caller's, and an Authorization of their own is left alone", async () => {
  const world = new World();
  let asked = 0;
  world.elsewhere = () => (asked++, new Response(null, { status: 401 }));
  const { attache } = world.tab();
  assert.equal((await attache.fetch("https://api.example.com/foo")).status, 401);
  assert.equal(asked, 2);
  await attache.fetch("https://api.example.com/foo", { headers: { Authorization: "Basic x" } });
  assert.equal(asked, 3);
});

test("sign-in leaves for the broker and comes back to this page", () => {
  const tab = new World().tab();
  tab.attache.signIn();
  assert.deepEqual(tab.left, [`${BROKER}/sign-in?return_to=${encodeURIComponent(`${APP}/page?x=1#y`)}`]);
});

test("sign-out goes on to the issuer, and a local one stays", async () => {
  for (const local of [false, true]) {
    const world = new World();
    world.signOutUrl = "https://issuer.example.com/logout";
    const tab = world.tab();
    await tab.attache.load();
    await tab.attache.signOut({ local });
    assert.deepEqual(tab.left, local ? [] : ["https://issuer.example.com/logout"]);
    assert.equal(await tab.attache.session.getToken(), null);
    assert.match(tab.cookies.at(-1)!, /^attache_client=; Max-Age=0/);
  }
});

test("connections are listed, and a revoke is told to the other tabs", async () => {
  const world = new World();
  world.connections = [notion()];
  const [one, two] = [world.tab(), world.tab()];
  let told = 0;
  two.attache.subscribeConnections(() => told++);
  assert.deepEqual(await one.attache.connections(), [{ id: "Et1", app: { key: "notion", name: "Notion" }, state: "active", connectedAt: 100, lastUsedAt: null }]);
  assert.equal((await one.attache.revoke("Et1")).state, "revoking");
  await world.settle();
  assert.equal(told, 1);
  assert.equal(await code(one.attache.revoke("Et2")), "connection_not_found");
});

test("a session that ended elsewhere is noticed by the list of connections too", async () => {
  const world = new World();
  const { attache } = world.tab();
  await attache.load();
  await world.settle();
  world.session = null;
  assert.equal(await code(attache.connections()), "signed_out");
  assert.equal(attache.state.session, null);
});

test("connect in a window resolves with the connection, and the window closes itself", async () => {
  const world = new World();
  const tab = world.tab();
  await tab.attache.load();
  const connected = tab.attache.connect("notion");
  const address = new URL(tab.opened[0]!);
  assert.equal(address.origin + address.pathname, `${BROKER}/connect/notion`);
  assert.equal(address.searchParams.get("redirect_uri"), `${APP}/page`);
  await world.settle();
  world.connections = [notion()];
  const window = new Tab(world, `${APP}/page?state=${stateOf(tab.opened[0]!)}&connection=Et1`);
  await world.settle();
  assert.equal((await connected).id, "Et1");
  assert.ok(window.closed);
  assert.equal(window.address, `${APP}/page`);
  await world.pass(1_000);
  assert.equal(window.shown, "You can close this window.");
});

for (const [back, expected] of [
  ["error=access_denied", "connect_denied"],
  ["error=access_denied&error_description=other", "connect_failed"],
  ["error=temporarily_unavailable", "connect_failed"],
  ["connection=EtOfSomebodyElse", "connect_failed"],
]) {
  test(`a window that comes back with ${back} is ${expected}`, async () => {
    const world = new World();
    const tab = world.tab();
    const connected = code(tab.attache.connect("notion"));
    await world.settle();
    new Tab(world, `${APP}/page?state=${stateOf(tab.opened[0]!)}&${back}`);
    await world.settle();
    assert.equal(await connected, expected);
  });
}

test("a window with a state that nobody waits for changes nothing and stays open", async () => {
  const world = new World();
  const tab = world.tab();
  let settled = false;
  void tab.attache.connect("notion").finally(() => (settled = true));
  await world.settle();
  const window = new Tab(world, `${APP}/page?state=attache.popup.guess&connection=Et1`);
  await world.pass(1_000);
  assert.equal(settled, false);
  assert.equal(window.closed, false);
});

test("who comes back without an answer has closed the window, after a grace", async () => {
  const world = new World();
  const tab = world.tab();
  const connected = code(tab.attache.connect("notion"));
  await world.settle();
  tab.comeBack();
  await world.pass(3_000);
  assert.equal(await connected, "connect_closed");
});

test("who closes the window after they agreed is connected all the same", async () => {
  const world = new World();
  world.connections = [notion("Et0", 50)];
  const tab = world.tab();
  const connected = tab.attache.connect("notion");
  await world.settle();
  world.connections = [notion("Et0", 50), notion()];
  tab.comeBack();
  await world.settle();
  assert.equal((await connected).id, "Et1");
});

test("a connection that appears within the grace counts", async () => {
  const world = new World();
  const tab = world.tab();
  const connected = tab.attache.connect("notion");
  await world.settle();
  tab.comeBack();
  await world.pass(2_000);
  world.connections = [notion()];
  await world.pass(1_000);
  assert.equal((await connected).id, "Et1");
});

test("a blocked window is told", async () => {
  const tab = new World().tab();
  tab.opensWindows = false;
  assert.equal(await code(tab.attache.connect("notion")), "connect_blocked");
});

test("connect by redirect gives its result on the page that the person comes back to, once", async () => {
  const world = new World();
  const tab = world.tab();
  void tab.attache.connect("notion", { mode: "redirect", returnTo: `${APP}/done?keep=1` });
  const address = tab.left[0]!;
  assert.equal(new URL(address).searchParams.get("redirect_uri"), `${APP}/done?keep=1`);
  world.connections = [notion()];
  const back = new Tab(world, `${APP}/done?keep=1&connection=Et1&state=${stateOf(address)}`, tab.store);
  assert.equal(back.address, `${APP}/done?keep=1`);
  assert.equal((await back.attache.connectResult())?.id, "Et1");
  assert.equal(await back.attache.connectResult(), null);
});

test("a redirect that this tab did not begin brings nothing", async () => {
  const world = new World();
  world.connections = [notion()];
  const back = world.tab(`${APP}/done?connection=Et1&state=attache.redirect.guess`);
  assert.equal(await back.attache.connectResult(), null);
});

test("a parameter of the app that is called state is left alone", () => {
  const tab = new World().tab(`${APP}/done?state=mine&error=x`);
  assert.equal(tab.address, `${APP}/done?state=mine&error=x`);
});

test("subscribers hear who is signed in, and the state is a new object only when it changed", async () => {
  const world = new World();
  const tab = world.tab();
  const states: unknown[] = [];
  const stop = tab.attache.subscribe((state) => states.push(state));
  const loaded = await tab.attache.load();
  await world.pass(61_000);
  tab.comeBack();
  await world.settle();
  assert.deepEqual(states, [loaded]);
  assert.equal(tab.attache.session.id, "se_1");
  stop();
  await tab.attache.signOut();
  assert.equal(states.length, 1);
});

test("a broker that is down at first is asked again by itself", async () => {
  const world = new World();
  world.instead = () => "network";
  const tab = world.tab();
  await world.pass(10_000);
  world.instead = () => undefined;
  await world.pass(60_000);
  assert.equal(tab.attache.state.isLoaded, true);
});

test("a URL that is none is refused at once", () => {
  for (const url of ["", "attache.example.com", "ftp://x", "https://x/?y"]) {
    assert.throws(() => createAttache({ url }), (error) => error instanceof AttacheError && error.code === "invalid_options");
  }
});
