// Who sent a request: one row of headers after the other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { authenticateRequest } from "../src/node.js";
import { NOW, options, token as sign } from "./signed.js";
import { APP, BROKER } from "./world.js";

type Text = string | Promise<string>;

const good = sign();
const expired = sign({ claims: { exp: NOW - 6 } });
const PAGE = { "sec-fetch-dest": "document", "sec-fetch-site": "none", accept: "text/html", "user-agent": "Mozilla/5.0" };
const SAME = { "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin", accept: "*/*" };
const CROSS = { "sec-fetch-dest": "empty", "sec-fetch-site": "cross-site", origin: "https://elsewhere.example" };
const OLD_PAGE = { accept: "text/html,*/*", "user-agent": "Mozilla/5.0" };
const cookie = (token: Text, more = "") => ({ cookie: Promise.resolve(token).then((token) => `attache_session=${token}${more}`) });
const bearer = (token: Text) => ({ authorization: Promise.resolve(token).then((token) => `Bearer ${token}`) });
const HINT = { cookie: "attache_client=1" };

async function ask(given: Record<string, Text>, { method = "GET", path = "/notes?page=2", ...more }: { method?: string; path?: string; trustProxy?: boolean } = {}) {
  const headers = Object.fromEntries(await Promise.all(Object.entries(given).map(async ([name, value]) => [name, await value])));
  return await authenticateRequest({ method, url: `http://ignored.invalid${path}`, headers: { host: "app.example.com", "x-forwarded-proto": "https", ...headers } }, { ...options, trustProxy: true, ...more });
}

type Row = [promise: string, method: string, headers: Record<string, Text>, expected: string];

const ROWS: Row[] = [
  ["a bearer signs in", "GET", bearer(good), "signed-in"],
  ["the scheme of a bearer has no case", "GET", { authorization: good.then((good) => `bearer ${good}`) }, "signed-in"],
  ["a bearer signs in from any origin", "POST", { ...CROSS, ...bearer(good) }, "signed-in"],
  ["a bearer wins over a good cookie", "GET", { ...SAME, ...cookie(good), ...bearer(expired) }, "signed-out token_expired"],
  ["a bearer wins over a bad cookie", "GET", { ...SAME, ...cookie(expired), ...bearer(good) }, "signed-in"],
  ["a bearer that ran out is no handshake, not even on a page", "GET", { ...PAGE, ...bearer(expired) }, "signed-out token_expired"],
  ["another scheme leaves the cookie alone", "GET", { ...SAME, authorization: "Basic eDp5", ...cookie(good) }, "signed-in"],
  ["within five seconds the clocks may differ", "GET", bearer(sign({ claims: { exp: NOW - 4 } })), "signed-in"],
  ["a token of tomorrow is not active", "GET", bearer(sign({ claims: { nbf: NOW + 6 } })), "signed-out token_not_active"],
  ["noise is no token", "GET", bearer("noise"), "signed-out token_invalid"],
  ["a forged token is no token", "GET", bearer(sign({ forged: true })), "signed-out token_invalid"],
  ["a content token signs nobody in", "GET", bearer(sign({ typ: "at+jwt" })), "signed-out wrong_type"],
  ["another issuer's token is refused", "GET", bearer(sign({ claims: { iss: "https://elsewhere.example" } })), "signed-out wrong_issuer"],
  ["another audience's token is refused", "GET", bearer(sign({ claims: { aud: "https://elsewhere.example" } })), "signed-out wrong_audience"],
  ["another page's token is refused", "GET", bearer(sign({ claims: { azp: "https://elsewhere.example" } })), "signed-out wrong_party"],
  ["a template's token signs nobody in", "GET", bearer(sign({ claims: { sid: undefined } })), "signed-out not_a_session"],

  ["a plain fetch of the same origin is signed in by its cookie", "GET", { ...SAME, ...cookie(good) }, "signed-in"],
  ["so is one that changes something", "POST", { ...SAME, origin: APP, ...cookie(good) }, "signed-in"],
  ["a form of another site is not", "POST", { ...PAGE, "sec-fetch-site": "cross-site", origin: "https://elsewhere.example", ...cookie(good) }, "signed-out cross_origin"],
  ["nor one of a sibling", "POST", { ...SAME, "sec-fetch-site": "same-site", origin: "https://other.example.com", ...cookie(good) }, "signed-out cross_origin"],
  ["an image on a page of a sibling is not", "GET", { "sec-fetch-dest": "image", "sec-fetch-site": "same-site", ...cookie(good) }, "signed-out cross_origin"],
  ["headers that contradict each other are not believed", "GET", { ...SAME, "sec-fetch-site": "cross-site", origin: APP, ...cookie(good) }, "signed-out cross_origin"],
  ["a fetch of another site is not", "GET", { ...CROSS, ...cookie(good) }, "signed-out cross_origin"],
  ["a link on another site opens the page signed in", "GET", { ...PAGE, "sec-fetch-site": "cross-site", referer: "https://elsewhere.example/", ...cookie(good) }, "signed-in"],
  ["an old browser's form of the same origin is signed in", "POST", { ...OLD_PAGE, origin: APP, ...cookie(good) }, "signed-in"],
  ["an old browser's form of another origin is not", "POST", { ...OLD_PAGE, origin: "https://elsewhere.example", ...cookie(good) }, "signed-out cross_origin"],
  ["a form of a sandboxed frame is not", "POST", { ...OLD_PAGE, origin: "null", ...cookie(good) }, "signed-out cross_origin"],
  ["a change of which nobody says the origin is not", "DELETE", cookie(good), "signed-out cross_origin"],
  ["an old browser's image on another page is not", "GET", { accept: "image/*", "user-agent": "Mozilla/5.0", referer: "https://elsewhere.example/", ...cookie(good) }, "signed-out cross_origin"],
  ["an old browser opens a page from another one signed in", "GET", { ...OLD_PAGE, referer: "https://elsewhere.example/", ...cookie(good) }, "signed-in"],

  ["a page whose cookie ran out goes to the broker", "GET", { ...PAGE, ...cookie(expired) }, "handshake token_expired"],
  ["a page without cookie goes there where this browser had a session", "GET", { ...PAGE, ...HINT }, "handshake token_missing"],
  ["so does one whose cookie is empty", "GET", { ...PAGE, cookie: "attache_session=; attache_client=1" }, "handshake token_missing"],
  ["the first of two cookies counts", "GET", { ...SAME, cookie: good.then((good) => `attache_session=${good}; attache_session=noise`) }, "signed-in"],
  ["a page of an old browser goes there", "GET", { ...OLD_PAGE, ...HINT }, "handshake token_missing"],
  ["a stranger's page does not", "GET", PAGE, "signed-out no_token"],
  ["an API call does not", "GET", { ...SAME, ...cookie(expired) }, "signed-out token_expired"],
  ["an API call without cookie does not", "GET", { ...SAME, ...HINT }, "signed-out token_missing"],
  ["an image does not", "GET", { ...PAGE, "sec-fetch-dest": "image", ...HINT }, "signed-out token_missing"],
  ["a frame does not", "GET", { ...PAGE, "sec-fetch-dest": "iframe", ...HINT }, "signed-out token_missing"],
  ["a program that accepts anything does not", "GET", { accept: "*/*", "user-agent": "curl/8", ...HINT }, "signed-out token_missing"],
  ["a form does not", "POST", { ...PAGE, "sec-fetch-site": "same-origin", origin: APP, ...HINT }, "signed-out token_missing"],
  ["a page with a forged cookie does not", "GET", { ...PAGE, ...cookie("noise", "; attache_client=1") }, "signed-out token_invalid"],
  ["a page that was at the broker a moment ago does not", "GET", { ...PAGE, ...cookie(expired, "; attache_handshake=done") }, "signed-out handshake_repeated"],
  ["a page at an origin that is not ours does not", "GET", { ...PAGE, ...HINT, host: "evil.example" }, "signed-out unknown_origin"],
  ["a host that is none is refused", "GET", { ...PAGE, ...HINT, "x-forwarded-host": "evil.example/path" }, "signed-out bad_host"],
];

for (const [promise, method, headers, expected] of ROWS) {
  test(promise, async () => {
    const found = await ask(headers, { method });
    assert.equal("reason" in found ? `${found.status} ${found.reason}` : found.status, expected);
  });
}

test("who is signed in is known by account and session", async () => {
  const found = await ask(bearer(good));
  assert(found.status === "signed-in");
  assert.deepEqual([found.userId, found.sessionId, found.token], ["ac_1", "se_1", await good]);
});

async function away(headers: Record<string, Text> = HINT, path = "/notes?page=2&q=a%20b") {
  const found = await ask({ ...PAGE, ...headers }, { path });
  assert(found.status === "handshake");
  const location = new URL(found.location);
  return { found, location, nonce: location.searchParams.get("nonce")! };
}

test("the broker is told the whole address, and a nonce that only this browser keeps", async () => {
  const { found, location, nonce } = await away();
  assert.equal(location.origin + location.pathname, `${BROKER}/v1/session/handshake`);
  assert.equal(location.searchParams.get("return_to"), `${APP}/notes?page=2&q=a%20b`);
  assert.deepEqual(found.setCookie, [`attache_handshake=${nonce}; Max-Age=120; Path=/; SameSite=Lax; Secure; HttpOnly`]);
  assert.notEqual((await away()).nonce, nonce);
});

test("two pages that open at once share the nonce", async () => {
  const { nonce } = await away();
  assert.equal((await away({ cookie: `attache_client=1; attache_handshake=${nonce}` })).nonce, nonce);
});

test("what comes back is kept in the cookie, and the address is clean again", async () => {
  const { nonce } = await away();
  const token = await sign({ claims: { nonce } });
  const back = await ask({ ...PAGE, cookie: `attache_handshake=${nonce}` }, { path: `/notes?page=2&q=a%20b&__attache_handshake=${token}` });
  assert(back.status === "handshake");
  assert.equal(back.location, `${APP}/notes?page=2&q=a%20b`);
  assert.deepEqual(back.setCookie, [
    `attache_session=${token}; Max-Age=50; Path=/; SameSite=Lax; Secure`,
    "attache_handshake=done; Max-Age=10; Path=/; SameSite=Lax; Secure; HttpOnly",
  ]);
  assert.equal((await ask({ ...PAGE, ...cookie(token, "; attache_handshake=done") })).status, "signed-in");
});

test("a link that brings somebody else's token signs nobody in", async () => {
  const { nonce } = await away();
  for (const [token, kept] of [[await sign({ claims: { nonce: "another-nonce-0123" } }), nonce], [await good, nonce], [await sign({ claims: { nonce } }), null], ["noise", nonce]] as const) {
    const back = await ask({ ...PAGE, cookie: kept ? `attache_client=1; attache_handshake=${kept}` : "attache_client=1" }, { path: `/?__attache_handshake=${token}` });
    assert(back.status === "signed-out");
    assert.equal(back.reason, "handshake_failed");
  }
});

test("who is signed out comes back as a stranger, and is not sent again", async () => {
  const { nonce } = await away();
  const back = await ask({ ...PAGE, cookie: `attache_client=1; attache_handshake=${nonce}` }, { path: "/?__attache_handshake=signed_out" });
  assert(back.status === "handshake");
  assert.equal(back.location, `${APP}/`);
  assert.deepEqual(back.setCookie.map((line) => line.split(";", 2).join(";")), ["attache_session=; Max-Age=0", "attache_client=; Max-Age=0", "attache_handshake=done; Max-Age=10"]);
});

test("a link that says signed out ends no hint of a browser that was not sent away", async () => {
  const back = await ask({ ...PAGE, ...HINT }, { path: "/?__attache_handshake=signed_out" });
  assert(back.status === "signed-out");
  assert.equal(back.reason, "handshake_failed");
  assert.ok(back.setCookie.every((line) => !line.startsWith("attache_client=")));
});

test("a link that says signed out does not sign anybody out", async () => {
  const back = await ask({ ...PAGE, ...cookie(good, "; attache_client=1") }, { path: "/?__attache_handshake=signed_out" });
  assert(back.status === "handshake");
  assert.deepEqual([back.location, back.setCookie], [`${APP}/`, []]);
});

test("what proxies say counts only where it is asked for", async () => {
  const evil = { ...PAGE, ...HINT, host: "evil.example", "x-forwarded-host": "app.example.com" };
  const plain = await ask(evil, { trustProxy: false });
  assert(plain.status === "signed-out");
  assert.equal(plain.reason, "unknown_origin");
  const trusted = await ask({ ...PAGE, ...HINT, host: "inside:8080", "x-forwarded-host": "app.example.com", "x-forwarded-proto": "", "cloudfront-forwarded-proto": "https" });
  assert(trusted.status === "handshake");
  assert.equal(new URL(trusted.location).searchParams.get("return_to"), `${APP}/notes?page=2`);
});

test("a target with two slashes stays on its host", async () => {
  const { location } = await away(HINT, "//evil.example/x");
  assert.equal(location.searchParams.get("return_to"), `${APP}//evil.example/x`);
});
