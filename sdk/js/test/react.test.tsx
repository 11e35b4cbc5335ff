// Promises of the hooks and components, under React itself.
import "./dom.js";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Activity, act, useEffect } from "react";
import { renderToString } from "react-dom/server";
import { AttacheError } from "../src/index.js";
import { AttacheProvider, ConnectButton, ConnectedApps, SignedIn, SignedOut, useAuth, useConnections, useSession, useUser } from "../src/react.js";
import { grow, plant } from "./tree.js";
import { APP, BROKER, Tab, World } from "./world.js";

const notion = () => ({ id: "Et1", app: { key: "notion", name: "Notion" }, state: "active", connected_at: 1_800_000_000, last_used_at: null });
const button = (container: HTMLElement, text: string) => [...container.querySelectorAll("button")].find((one) => one.textContent === text)!;

test("nobody is shown anything before it is known who is signed in", async () => {
  const world = new World();
  const release = world.hold("GET /v1/session");
  const page = (
    <>
      <SignedIn>in</SignedIn>
      <SignedOut>out</SignedOut>
    </>
  );
  const tab = world.tab();
  const tree = await grow(world, tab, page);
  assert.equal(tree.text(), "");
  await act(async () => release());
  await tree.settle();
  assert.equal(tree.text(), "in");
  await act(() => tab.attache.signOut());
  assert.equal(tree.text(), "out");
  await tree.end();
});

test("hooks say who is signed in", async () => {
  const world = new World();
  let auth: any, session: any, user: any;
  function Page() {
    [auth, session, user] = [useAuth(), useSession(), useUser()];
    return null;
  }
  const tree = await grow(world, world.tab(), <Page />);
  const { isLoaded, isSignedIn, userId, sessionId } = auth;
  assert.deepEqual({ isLoaded, isSignedIn, userId, sessionId }, { isLoaded: true, isSignedIn: true, userId: "ac_1", sessionId: "se_1" });
  assert.equal(session.session.id, "se_1");
  assert.equal(user.user.name, "Ada");
  const token = await act(() => user.getToken("hasura"));
  assert.ok(token);
  assert.equal(await session.session.getToken("hasura"), token);
  assert.equal(await session.getToken("hasura"), token);
  await tree.end();
});

test("what hooks give is the same object at each render, also when a token was renewed", async () => {
  const world = new World();
  const tab = world.tab();
  const seen = [new Set(), new Set(), new Set(), new Set()];
  let effects = 0;
  function Page() {
    const values = [useAuth(), useSession(), useUser(), useAuth().getToken];
    if (useAuth().isLoaded) values.forEach((value, index) => seen[index]!.add(value));
    const { getToken } = useAuth();
    useEffect(() => void effects++, [getToken]);
    return null;
  }
  const tree = await grow(world, tab, <Page />);
  const before = effects;
  for (let renders = 0; renders < 5; renders++) {
    await act(() => world.pass(45_000));
    tab.comeBack();
    await tree.show(<Page />);
  }
  assert.ok(world.asks("/v1/session/tokens") >= 5);
  assert.deepEqual(seen.map((values) => values.size), [1, 1, 1, 1]);
  assert.equal(effects, before);
  await tree.end();
});

test("a server renders as if nothing were known, and asks nobody", async () => {
  const world = new World();
  const tab = world.tab();
  await tab.attache.load();
  const page = renderToString(
    <AttacheProvider attache={tab.attache}>
      <SignedIn>in</SignedIn>
      <SignedOut>out</SignedOut>
    </AttacheProvider>,
  );
  assert.equal(page, "");
});

test("a hook without a provider says what to do", () => {
  function Page() {
    useAuth();
    return null;
  }
  assert.throws(() => renderToString(<Page />), (error) => error instanceof AttacheError && /<AttacheProvider/.test(error.message));
});

test("the list of apps asks before it stops one, and then it is gone", async () => {
  const world = new World();
  world.connections = [notion()];
  const tree = await grow(world, world.tab(), <ConnectedApps />);
  assert.match(tree.text(), /Notion/);
  await act(async () => button(tree.container, "Stop access").click());
  assert.match(tree.text(), /Notion loses its access at once/);
  assert.equal(world.connections[0].state, "active");
  await act(async () => button(tree.container, "Stop access").click());
  await tree.settle();
  assert.equal(world.connections[0].state, "revoking");
  assert.equal(tree.text(), "No app is connected.");
  await tree.end();
});

test("the list says what is wrong where it cannot be read", async () => {
  const world = new World();
  world.instead = ({ path }) => (path === "/v1/session/connections" ? { status: 403, body: { error: "origin_not_allowed", message: "Not listed." } } : undefined);
  const tree = await grow(world, world.tab(), <ConnectedApps />);
  assert.match(tree.container.querySelector("[role=alert]")!.textContent!, /allowed_origins/);
  await tree.end();
});

test("useConnections follows a revoke in another tab, and is empty after a sign-out", async () => {
  const world = new World();
  world.connections = [notion()];
  let value: ReturnType<typeof useConnections>;
  function Page() {
    value = useConnections();
    return null;
  }
  const [tab, other] = [world.tab(), world.tab()];
  const tree = await grow(world, tab, <Page />);
  assert.equal(value!.connections[0]!.state, "active");
  await act(async () => void (await other.attache.revoke("Et1")));
  await tree.settle();
  assert.deepEqual(value!.connections, []);
  world.connections = [notion()];
  await act(() => value!.reload());
  assert.equal(value!.connections.length, 1);
  await act(() => tab.attache.signOut());
  await tree.settle();
  assert.deepEqual(value!.connections, []);
  await tree.end();
});

test("an older answer does not replace a newer list", async () => {
  const world = new World();
  world.connections = [notion()];
  let value: ReturnType<typeof useConnections>;
  function Page() {
    value = useConnections();
    return null;
  }
  const tree = await grow(world, world.tab(), <Page />);
  const older = world.hold("GET /v1/session/connections");
  const first = value!.reload();
  await tree.settle();
  const newer = world.hold("GET /v1/session/connections");
  world.connections = [];
  const second = value!.reload();
  await tree.settle();
  await act(async () => (newer(), await second));
  await act(async () => (older(), await first));
  assert.deepEqual(value!.connections, []);
  await tree.end();
});

test("the connect button tells the connection, or that the person said no", async () => {
  for (const back of ["connection=Et1", "error=access_denied"]) {
    const world = new World();
    const tab = world.tab();
    const told: string[] = [];
    const tree = await grow(
      world,
      tab,
      <ConnectButton app="notion" onConnected={(connection) => told.push(connection.id)} onError={(error) => told.push(error.code)}>
        Connect Notion
      </ConnectButton>,
    );
    await act(async () => button(tree.container, "Connect Notion").click());
    assert.ok(button(tree.container, "Connect Notion").disabled);
    world.connections = [notion()];
    new Tab(world, `${APP}/page?state=${new URL(tab.opened[0]!).searchParams.get("state")}&${back}`);
    await tree.settle();
    assert.deepEqual(told, [back.startsWith("connection") ? "Et1" : "connect_denied"]);
    assert.equal(button(tree.container, "Connect Notion").disabled, false);
    await tree.end();
  }
});

/** Puts the world's broker behind plain `fetch`, and counts the channels to other tabs. */
function surround(t: TestContext, world: World): { open: number; made: number } {
  const channels = { open: 0, made: 0 };
  const [fetch, Channel] = [globalThis.fetch, globalThis.BroadcastChannel];
  globalThis.fetch = world.fetch;
  globalThis.BroadcastChannel = class extends Channel {
    constructor(name: string) {
      super(name);
      channels.open++;
      channels.made++;
    }
    override close() {
      channels.open--;
      super.close();
    }
  };
  t.after(() => Object.assign(globalThis, { fetch, BroadcastChannel: Channel }));
  return channels;
}

test("a provider makes one Attaché for all trees of a broker, and closes it after the last of them", async (t) => {
  const world = new World();
  const channels = surround(t, world);
  const first = await plant(world, { url: BROKER }, <SignedIn>in</SignedIn>);
  const second = await plant(world, { url: BROKER }, <SignedIn>too</SignedIn>);
  assert.deepEqual([first.text(), second.text()], ["in", "too"]);
  await first.end();
  await world.settle();
  assert.deepEqual(channels, { open: 1, made: 1 }, "also under StrictMode, which puts a tree up twice");
  await second.end();
  await world.settle();
  assert.deepEqual(channels, { open: 0, made: 1 });
});

test("a tree that was hidden comes back with an Attaché that is open", async (t) => {
  const world = new World();
  const channels = surround(t, world);
  const page = (mode: "visible" | "hidden") => (
    <Activity mode={mode}>
      <AttacheProvider url={BROKER}>
        <SignedIn>in</SignedIn>
      </AttacheProvider>
    </Activity>
  );
  const other = world.tab();
  const tree = await grow(world, other, page("visible"));
  await tree.show(page("hidden"));
  await world.settle();
  assert.equal(channels.open, 0);
  await tree.show(page("visible"));
  assert.equal(channels.open, 1);
  assert.equal(tree.text(), "in");
  await tree.end();
  await world.settle();
  assert.equal(channels.open, 0);
});

test("an Attaché that the app made itself is left open", async () => {
  const world = new World();
  const tab = world.tab();
  const tree = await grow(world, tab, null);
  await tree.end();
  await world.settle();
  const asks = world.asks("/v1/session/tokens");
  await world.pass(45_000);
  assert.equal(world.asks("/v1/session/tokens"), asks + 1);
});
