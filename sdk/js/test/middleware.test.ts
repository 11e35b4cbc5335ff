// What a backend answers: under the real Express over HTTP, with the keys read over HTTP, and as a fetch handler.
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import express from "express";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expressAuth, withAuth, type WithAuth } from "../src/node.js";
import { NOW, options, token } from "./signed.js";
import { APP } from "./world.js";

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const handler = withAuth((_, auth) => Response.json({ status: auth.status }), options);
const openHandler = withAuth((_, auth) => Response.json({ status: auth.status }), { ...options, required: false });
const call = (headers: Record<string, string>, path = "/") => new Request(`${APP}${path}`, { headers });

test("a fetch handler is told who is signed in", async () => {
  assert.deepEqual(await (await handler(call({ authorization: `Bearer ${await token()}` }))).json(), { status: "signed-in" });
});

test("an API call of nobody is a 401 with the reason", async () => {
  const answer = await handler(call({}));
  assert.deepEqual([answer.status, answer.headers.get("x-attache-auth-reason"), answer.headers.get("www-authenticate")], [401, "no_token", "Bearer"]);
  assert.equal((await answer.json()).error, "signed_out");
});

test("where nobody has to be signed in the handler is called", async () => {
  assert.deepEqual(await (await openHandler(call({}))).json(), { status: "signed-out" });
});

test("a page goes to the broker, and no cache keeps that", async () => {
  const answer = await openHandler(call({ cookie: "attache_client=1", "sec-fetch-dest": "document" }));
  assert.equal(answer.status, 307);
  assert.match(answer.headers.get("location")!, /^https:\/\/attache\.example\.com\/v1\/session\/handshake\?/);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.match(answer.headers.get("set-cookie")!, /^attache_handshake=/);
});

test("keys that cannot be read are a 503", async () => {
  const nowhere = withAuth(() => new Response(), { ...options, keys: () => Promise.reject(new TypeError("fetch failed")) });
  const answer = await nowhere(call({ authorization: `Bearer ${await token()}` }));
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "5"]);
});

test("Express verifies by the keys that the broker publishes", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const asked: string[] = [];
  const broker = await serve(async (request, response) => {
    asked.push(request.url!);
    response.setHeader("Content-Type", "application/json").end(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "one", alg: "ES256" }] }));
  });
  const { now } = options;
  const app = express();
  // The backend's own address is known once it listens.
  const authorizedParties = [APP];
  app.use("/api", expressAuth({ url: broker, authorizedParties, now }));
  app.get("/api/foo", (request, response) => void response.json((request as unknown as WithAuth).auth));
  const backend = await serve(app);
  authorizedParties.push(backend);
  const claims = { iss: broker, aud: broker, sub: "ac_1", sid: "se_1", azp: APP, exp: NOW + 60 };
  const jwt = await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "one", typ: "JWT" }).sign(privateKey);

  for (let times = 0; times < 2; times++) {
    const answer = await fetch(`${backend}/api/foo`, { headers: { authorization: `Bearer ${jwt}` } });
    assert.equal((await answer.json()).userId, "ac_1");
  }
  assert.deepEqual(asked, ["/.well-known/jwks.json"]);
  const refused = await fetch(`${backend}/api/foo`);
  assert.deepEqual([refused.status, refused.headers.get("x-attache-auth-reason")], [401, "no_token"]);

  const page = { cookie: "attache_client=1", accept: "text/html", "user-agent": "Mozilla/5.0" };
  const away = await fetch(`${backend}/api/foo?x=1`, { headers: page, redirect: "manual" });
  assert.equal(away.status, 307);
  assert.equal(new URL(away.headers.get("location")!).searchParams.get("return_to"), `${backend}/api/foo?x=1`);
});
