// Promises of the package as it is published: what `npm run build` made of it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { BROKER, jwt } from "./world.js";

const description = JSON.parse(readFileSync("package.json", "utf8"));

/** Runs a module that imports the package by its name, as an app would. */
const imported = (code: string) => execFileSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8", timeout: 10_000 }).trim();

test("it depends on nothing", () => {
  assert.equal(description.dependencies, undefined);
  for (const peer of Object.keys(description.peerDependencies)) assert.ok(description.peerDependenciesMeta[peer].optional, peer);
});

test("every entry is there, with its types", () => {
  const files = Object.values(description.exports).flatMap((entry) => (typeof entry === "string" ? [entry] : Object.values(entry as object)));
  for (const file of files) assert.ok(existsSync(file), file);
});

test("an error of one entry is an error of the other", () => {
  const code = `
    import { AttacheError } from "@attache/client";
    import { AttacheProvider } from "@attache/client/react";
    try { AttacheProvider({ url: "nothing" }) } catch (error) { console.log(error instanceof AttacheError, error.code) }`;
  assert.equal(imported(code), "true invalid_options");
});

test("the entry for pages can be imported where there is no page, and asks nobody", () => {
  const code = `
    globalThis.fetch = () => console.log("asked");
    const { createAttache } = await import("@attache/client");
    console.log(createAttache({ url: "https://attache.example.com" }).state.isLoaded)`;
  assert.equal(imported(code), "false");
});

test("where a test under Node has a page, the channel to other tabs keeps no process alive", () => {
  const code = `
    import { Window } from "happy-dom";
    const window = new Window({ url: "https://app.example.com/" });
    for (const [name, value] of Object.entries({ window, document: window.document, location: window.location, navigator: window.navigator }))
      Object.defineProperty(globalThis, name, { value, configurable: true });
    globalThis.fetch = async () => Response.json({ session: null, user: null });
    const { createAttache } = await import("@attache/client");
    console.log((await createAttache({ url: "${BROKER}" }).load()).isLoaded)`;
  assert.equal(imported(code), "true");
});

test("the entry for backends needs no React, and the one for pages no jose", () => {
  assert.doesNotMatch(readFileSync("dist/node.js", "utf8"), /from"react/);
  assert.doesNotMatch(readFileSync("dist/index.js", "utf8") + readFileSync("dist/attache.js", "utf8"), /from"(jose|react)/);
});

test("a page gets it in less than eight kilobytes", () => {
  assert.ok(gzipSync(readFileSync("dist/attache.js"), { level: 9 }).length < 8_000);
});

test("attache.js makes the global Attache of its script tag's data-url", async () => {
  const asked: string[] = [];
  const cookies: string[] = [];
  const listens = { addEventListener() {}, removeEventListener() {} };
  const page: any = {
    ...listens,
    document: { ...listens, currentScript: { dataset: { url: `${BROKER}/` } }, visibilityState: "visible", get cookie() { return ""; }, set cookie(line: string) { cookies.push(line); } },
    location: { href: "http://localhost:3000/" },
    navigator: {},
    sessionStorage: { getItem: () => null, setItem() {}, removeItem() {} },
    fetch: async (url: string, { method, credentials }: RequestInit) => {
      asked.push(`${method} ${url} ${credentials}`);
      if (method === "GET") return Response.json({ session: { id: "se_1", expires_at: 2_000_000_000 }, user: { id: "ac_1", name: null, email: null, picture: null } });
      return Response.json({ object: "token", jwt: jwt({ sid: "se_1" }), expires_in: 60 });
    },
    performance, crypto, URL, URLSearchParams, AbortController, atob, setTimeout: () => 0, clearTimeout() {},
  };
  page.window = page;
  runInNewContext(readFileSync("dist/attache.js", "utf8"), page);
  const token = await page.Attache.session.getToken();
  assert.equal(token, jwt({ sid: "se_1" }));
  assert.deepEqual(asked, [`GET ${BROKER}/v1/session include`, `POST ${BROKER}/v1/session/tokens include`]);
  // Without https a browser would drop a Secure cookie.
  assert.match(cookies.at(-1)!, /^attache_session=[\w.-]+; Max-Age=(59|60); Path=\/; SameSite=Lax$/);
});
