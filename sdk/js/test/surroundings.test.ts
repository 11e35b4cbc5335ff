// Promises of a browser's own surroundings, as far as Node has their like.
import "./dom.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { surroundings } from "../src/environment.js";

/** Locks as the Web Locks API has them, or a page that may have none. */
function withLocks(request: (name: string, options: any, work: any) => Promise<unknown>) {
  Object.defineProperty(navigator, "locks", { value: { request }, configurable: true });
  return surroundings().exclusively;
}

function real() {
  const held = new Map<string, Promise<unknown>>();
  return async (name: string, options: any, work: any) => {
    const before = held.get(name);
    if (options.ifAvailable && before) return await work(null);
    const mine = (before ?? Promise.resolve()).then(() => work({}));
    const over = mine.catch(() => {}).then(() => void (held.get(name) === over && held.delete(name)));
    held.set(name, over);
    return await mine;
  };
}

test("who has to wait for a lock is told so", async () => {
  const exclusively = withLocks(real());
  const order: string[] = [];
  const work = (who: string) => async (waited: boolean) => void order.push(`${who} ${waited}`);
  await Promise.all([exclusively("a", work("first")), exclusively("a", work("second")), exclusively("b", work("other"))]);
  assert.deepEqual(order.sort(), ["first false", "other false", "second true"]);
});

test("what fails under a lock fails once", async () => {
  const exclusively = withLocks(real());
  let times = 0;
  await assert.rejects(exclusively("a", async () => (times++, Promise.reject(new Error("mine")))), /mine/);
  assert.equal(times, 1);
});

test("a page that may have no locks works without them", async () => {
  const exclusively = withLocks(() => Promise.reject(new DOMException("no", "SecurityError")));
  assert.equal(await exclusively("a", async () => "done"), "done");
});

test("a lock that nobody gives back does not hold everybody up", async () => {
  const exclusively = withLocks(async (_, { ifAvailable }, work) => {
    if (ifAvailable) return await work(null);
    throw new DOMException("waited too long", "TimeoutError");
  });
  assert.equal(await exclusively("a", async (waited) => waited), true);
});

test("tabs hear each other, and not themselves", async () => {
  const env = surroundings();
  const [one, two] = [env.openChannel("x"), env.openChannel("x")];
  const heard: unknown[] = [];
  one.listen((message) => heard.push(["one", message]));
  const arrived = new Promise<void>((resolve) => two.listen((message) => (heard.push(["two", message]), resolve())));
  one.post({ kind: "connections" });
  await arrived;
  assert.deepEqual(heard, [["two", { kind: "connections" }]]);
  one.close();
  two.close();
});

test("a cookie is written", () => {
  const page = surroundings().page!;
  page.writeCookie("attache_session=x; Max-Age=60; Path=/; SameSite=Lax; Secure");
  assert.match(document.cookie, /attache_session=x/);
});

test("a page that may store nothing stores nothing", () => {
  const { page } = surroundings();
  assert.equal(page!.read("x"), null);
  page!.write("x", "y");
});

test("the person's return is heard until nobody wants to know", () => {
  const { page } = surroundings();
  let times = 0;
  const stop = page!.onReturn(() => times++);
  window.dispatchEvent(new (window as any).Event("focus"));
  stop();
  window.dispatchEvent(new (window as any).Event("focus"));
  document.dispatchEvent(new (window as any).Event("visibilitychange"));
  assert.equal(times, 1);
});
