// Who makes a request, by its headers: signed in, signed out or a handshake for each row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { authenticateRequest, type AuthenticateOptions } from "../src/node.js";
import { type Changes, NOW, options, token } from "./signed.js";
import { APP, BROKER } from "./world.js";

const HOST = { host: "app.example.com" };
const PAGE = { "sec-fetch-dest": "document", "sec-fetch-site": "none" };
const OWN_FETCH = { "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin" };
const OLD_PAGE = { accept: "text/html,*/*;q=0.8", "user-agent": "Mozilla/5.0" };
const HINT = "attache_client=1";

interface Row {
  name: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  bearer?: Changes;
  cookie?: Changes;
  cookies?: string;
  /** A token in the address. */
  returned?: Changes;
  proxy?: boolean;
  is: string;
}

const EXPIRED = { claims: { exp: NOW - 60 } };
const ANOTHER = { claims: { sub: "ac_2" } };

const rows: Row[] = [
  { name: "nothing at all", is: "no_token" },
  { name: "nothing, on a page", headers: PAGE, is: "no_token" },
  // Bearer
  { name: "a bearer", bearer: {}, is: "ac_1" },
  { name: "a bearer from another origin", bearer: {}, method: "POST", headers: { origin: "https://other.example", "sec-fetch-site": "cross-site" }, is: "ac_1" },
  { name: "a bearer beside another person's cookie", bearer: {}, cookie: ANOTHER, headers: OWN_FETCH, is: "ac_1" },
  { name: "a bad bearer beside a good cookie", bearer: { forged: true }, cookie: {}, headers: OWN_FETCH, is: "token_invalid" },
  { name: "a bearer that ran out, on a page with a hint", bearer: EXPIRED, headers: PAGE, cookies: HINT, is: "token_expired" },
  { name: "a bearer of a template", bearer: { claims: { sid: undefined } }, is: "not_a_session" },
  { name: "a bearer of another page", bearer: { claims: { azp: "https://evil.example" } }, is: "wrong_party" },
  { name: "a content token", bearer: { typ: "at+jwt" }, is: "wrong_type" },
  { name: "Basic beside a good cookie", cookie: {}, headers: { ...OWN_FETCH, authorization: "Basic eDp5" }, is: "ac_1" },
  // Cookie, to read
  { name: "a cookie on a page that was typed", cookie: {}, headers: PAGE, is: "ac_1" },
  { name: "a cookie on a page by a link of another site", cookie: {}, headers: { "sec-fetch-dest": "document", "sec-fetch-site": "cross-site", referer: "https://other.example/" }, is: "ac_1" },
  { name: "a cookie and a fetch of the page's own", cookie: {}, headers: OWN_FETCH, is: "ac_1" },
  { name: "a cookie and a fetch that names its own origin", cookie: {}, headers: { ...OWN_FETCH, origin: APP }, is: "ac_1" },
  { name: "a cookie and a fetch of a sibling", cookie: {}, headers: { "sec-fetch-dest": "empty", "sec-fetch-site": "same-site", origin: "https://api.example.com" }, is: "cross_origin" },
  { name: "a cookie and a picture on another site", cookie: {}, headers: { "sec-fetch-dest": "image", "sec-fetch-site": "cross-site" }, is: "cross_origin" },
  { name: "a cookie and a frame on another site", cookie: {}, headers: { "sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site" }, is: "cross_origin" },
  { name: "a cookie and headers that contradict each other", cookie: {}, headers: { ...OWN_FETCH, origin: "https://evil.example" }, is: "cross_origin" },
  { name: "a cookie from a browser of before", cookie: {}, is: "ac_1" },
  { name: "a cookie from a browser of before, by its own page", cookie: {}, headers: { referer: `${APP}/x` }, is: "ac_1" },
  { name: "a cookie from a browser of before, by another page", cookie: {}, headers: { referer: "https://evil.example/", accept: "*/*" }, is: "cross_origin" },
  { name: "a cookie from a browser of before, by a link of another page", cookie: {}, headers: { ...OLD_PAGE, referer: "https://other.example/" }, is: "ac_1" },
  { name: "a cookie from a browser of before, by another origin", cookie: {}, headers: { origin: "https://evil.example" }, is: "cross_origin" },
  { name: "a cookie of a key that nobody published", cookie: { forged: true }, headers: PAGE, cookies: HINT, is: "token_invalid" },
  // Cookie, to change something
  { name: "a cookie and a POST of the page's own", method: "POST", cookie: {}, headers: { ...OWN_FETCH, origin: APP }, is: "ac_1" },
  { name: "a cookie and a POST of an old browser", method: "POST", cookie: {}, headers: { origin: APP }, is: "ac_1" },
  { name: "a cookie and a POST that says nothing", method: "POST", cookie: {}, is: "cross_origin" },
  { name: "a cookie and a POST that only a Referer speaks for", method: "POST", cookie: {}, headers: { referer: `${APP}/x` }, is: "cross_origin" },
  { name: "a cookie and a form of another site", method: "POST", cookie: {}, headers: { "sec-fetch-dest": "document", "sec-fetch-site": "cross-site", origin: "https://evil.example" }, is: "cross_origin" },
  { name: "a cookie and a form of a sandboxed frame", method: "POST", cookie: {}, headers: { origin: "null" }, is: "cross_origin" },
  { name: "a cookie and a DELETE of a sibling", method: "DELETE", cookie: {}, headers: { "sec-fetch-site": "same-site", origin: "https://api.example.com" }, is: "cross_origin" },
  { name: "a cookie and a POST that was typed", method: "POST", cookie: {}, headers: PAGE, is: "cross_origin" },
  // Handshake
  { name: "a cookie that ran out, on a page", cookie: EXPIRED, headers: PAGE, is: "handshake" },
  { name: "a cookie that is gone, on a page, with a hint", headers: PAGE, cookies: HINT, is: "handshake" },
  { name: "the same in a browser of before", headers: OLD_PAGE, cookies: HINT, is: "handshake" },
  { name: "the same, asked for by a program", headers: { accept: "*/*", "user-agent": "curl/8" }, cookies: HINT, is: "no_token" },
  { name: "the same without a User-Agent", headers: { accept: "text/html" }, cookies: HINT, is: "no_token" },
  { name: "a cookie that ran out, on a fetch", cookie: EXPIRED, headers: { ...OWN_FETCH, ...OLD_PAGE }, is: "token_expired" },
  { name: "a cookie that is gone, on a fetch, with a hint", headers: OWN_FETCH, cookies: HINT, is: "no_token" },
  { name: "a cookie that ran out, on a form", method: "POST", cookie: EXPIRED, headers: { ...PAGE, "sec-fetch-site": "same-origin", origin: APP }, is: "token_expired" },
  { name: "a cookie that ran out, on a HEAD", method: "HEAD", cookie: EXPIRED, headers: PAGE, is: "token_expired" },
  { name: "a page at an origin that nobody listed", headers: { ...PAGE, host: "evil.example" }, cookies: HINT, is: "unknown_origin" },
  { name: "a page whose browser kept no cookie the last time", headers: PAGE, cookies: `${HINT}; attache_handshake=done`, is: "handshake_loop" },
  // The way back
  { name: "back with a token", headers: PAGE, cookies: `${HINT}; attache_handshake=n0nce`, returned: { claims: { nonce: "n0nce" } }, is: "ac_1 redirected" },
  { name: "back with a token of another handshake", headers: PAGE, cookies: `${HINT}; attache_handshake=n0nce`, returned: { claims: { nonce: "other" } }, is: "handshake_invalid" },
  { name: "back with a token of another handshake, beside a good cookie", headers: PAGE, cookie: {}, cookies: "attache_handshake=n0nce", returned: { claims: { nonce: "other", sub: "ac_2" } }, is: "ac_1" },
  { name: "a link with somebody's token, and no handshake", headers: PAGE, cookies: HINT, returned: { claims: { nonce: "n0nce", sub: "ac_2" } }, is: "handshake_invalid" },
  { name: "a link with somebody's token, beside a good cookie", headers: PAGE, cookie: {}, returned: { claims: { nonce: "n0nce", sub: "ac_2" } }, is: "ac_1" },
  { name: "a link with a token after a handshake that is done", headers: PAGE, cookies: `${HINT}; attache_handshake=done`, returned: { claims: { nonce: "done" } }, is: "handshake_invalid" },
  { name: "back with a forged token", headers: PAGE, cookies: `${HINT}; attache_handshake=n0nce`, returned: { forged: true, claims: { nonce: "n0nce" } }, is: "token_invalid" },
  { name: "back with a token that ran out", headers: PAGE, cookies: `${HINT}; attache_handshake=n0nce`, returned: { claims: { nonce: "n0nce", exp: NOW - 60 } }, is: "token_expired" },
  { name: "back, and nobody is signed in", headers: PAGE, cookies: `${HINT}; attache_handshake=n0nce`, path: "/p?__attache_handshake=signed_out", is: "signed_out redirected" },
  { name: "a link that says that nobody is signed in", headers: PAGE, cookie: {}, path: "/p?__attache_handshake=signed_out", is: "ac_1" },
  // Proxies
  { name: "behind a proxy, a POST of the page's own", method: "POST", proxy: true, cookie: {}, headers: { host: "10.0.0.1:3000", "x-forwarded-host": "app.example.com", "x-forwarded-proto": "https", origin: APP }, is: "ac_1" },
  { name: "the same behind CloudFront", method: "POST", proxy: true, cookie: {}, headers: { host: "10.0.0.1:3000", "x-forwarded-host": "app.example.com", "cloudfront-forwarded-proto": "https", origin: APP }, is: "ac_1" },
  { name: "forwarded headers that nobody trusts", method: "POST", cookie: {}, headers: { host: "evil.example", "x-forwarded-host": "app.example.com", "x-forwarded-proto": "https", origin: APP }, is: "cross_origin" },
  { name: "a host that is none", proxy: true, cookie: {}, headers: { "x-forwarded-host": "app.example.com/evil" }, is: "bad_request" },
];

async function ask(row: Row, more: Partial<AuthenticateOptions> = {}) {
  const cookies = [row.cookie && `attache_session=${await token(row.cookie)}`, row.cookies].filter(Boolean).join("; ");
  const path = row.returned ? `/p?a=%20b&__attache_handshake=${await token(row.returned)}&c` : (row.path ?? "/p?a=1");
  const headers = {
    ...HOST,
    ...row.headers,
    ...(row.bearer && { authorization: `Bearer ${await token(row.bearer)}` }),
    ...(cookies && { cookie: cookies }),
  };
  return await authenticateRequest({ method: row.method ?? "GET", url: `https://inside.invalid${path}`, headers }, { ...options, trustProxy: row.proxy ?? false, ...more });
}

for (const row of rows) {
  test(`${row.name}: ${row.is}`, async () => {
    const auth = await ask(row);
    const what = auth.status === "signed-in" ? auth.userId : auth.status === "signed-out" ? auth.reason : "handshake";
    assert.equal(auth.status !== "handshake" && auth.location ? `${what} redirected` : what, row.is);
  });
}

test("a handshake goes to the broker with the page's address, and keeps its nonce", async () => {
  const auth = await ask({ name: "", path: "//evil.example/p?a=%20b", headers: PAGE, cookies: HINT, is: "" });
  assert.equal(auth.location, `${BROKER}/v1/session/handshake?return_to=${encodeURIComponent(`${APP}//evil.example/p?a=%20b`)}&nonce=n0nce`);
  assert.deepEqual(auth.setCookies, ["attache_handshake=n0nce; Max-Age=300; Path=/; SameSite=Lax; Secure; HttpOnly"]);
});

test("the way back sets the cookie for the life that the token has, and cleans the address", async () => {
  const returned = { claims: { nonce: "n0nce" } };
  const auth = await ask({ name: "", headers: PAGE, cookies: "attache_handshake=n0nce", returned, is: "" });
  assert.equal(auth.location, `${APP}/p?a=%20b&c`);
  assert.deepEqual(auth.setCookies, [
    `attache_session=${await token(returned)}; Max-Age=50; Path=/; SameSite=Lax; Secure`,
    "attache_handshake=done; Max-Age=10; Path=/; SameSite=Lax; Secure; HttpOnly",
  ]);
});

test("the way back stays on this origin, whatever the path looks like", async () => {
  const auth = await ask({ name: "", path: "//evil.example/p?__attache_handshake=signed_out", headers: PAGE, cookies: "attache_handshake=n0nce", is: "" });
  assert.equal(auth.location, `${APP}//evil.example/p`);
  assert.equal(auth.setCookies.length, 3);
  assert.ok(auth.setCookies.every((line) => /^attache_(session|client|handshake)=; Max-Age=0/.test(line)));
});

test("a nonce is new each time, and fits the broker's rule", async () => {
  const nonces = new Set<string>();
  for (let times = 0; times < 3; times++) {
    const { nonce: _, ...own } = options;
    const auth = await authenticateRequest({ method: "GET", url: `${APP}/p`, headers: { ...PAGE, cookie: HINT } }, own);
    nonces.add(new URL(auth.location!).searchParams.get("nonce")!);
  }
  assert.equal(nonces.size, 3);
  assert.ok([...nonces].every((nonce) => /^[\w-]{32,128}$/.test(nonce)));
});
