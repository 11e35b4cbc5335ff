// Promises of the middlewares, over real HTTP under Express and under the Fetch standard.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import express from "express";
import { expressAuth, type MiddlewareOptions, withAuth, type WithAuth } from "../src/node.js";
import { options, token } from "./signed.js";
import { APP } from "./world.js";

const PAGE = { "sec-fetch-dest": "document", "sec-fetch-site": "none", cookie: "attache_client=1" };

interface Got {
  status: number;
  headers: Headers;
  body: string;
}

async function byExpress(more: Partial<MiddlewareOptions>, path: string, headers: Record<string, string>): Promise<Got> {
  const app = express();
  app.use("/api", expressAuth({ ...options, trustProxy: true, ...more }));
  app.use((request, response) => {
    const { auth } = request as WithAuth<typeof request, any>;
    response.send(auth.status === "signed-in" ? auth.userId : auth.reason);
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const sent = ask({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, path, headers: { "x-forwarded-host": "app.example.com", "x-forwarded-proto": "https", ...headers }, agent: false });
    sent.end();
    const [answer] = await once(sent, "response");
    let body = "";
    for await (const part of answer) body += part;
    const all = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) for (const one of [value].flat()) all.append(name, one as string);
    return { status: answer.statusCode, headers: all, body };
  } finally {
    server.close();
  }
}

async function byFetch(more: Partial<MiddlewareOptions>, path: string, headers: Record<string, string>): Promise<Got> {
  const handler = withAuth((_, auth) => new Response(auth.status === "signed-in" ? auth.userId : auth.reason), { ...options, ...more });
  const answer = await handler(new Request(APP + path, { headers }));
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

for (const [name, go] of [["Express", byExpress], ["a fetch handler", byFetch]] as const) {
  test(`${name} is told who is signed in`, async () => {
    const got = await go({}, "/api/foo", { authorization: `Bearer ${await token()}` });
    assert.deepEqual([got.status, got.body], [200, "ac_1"]);
  });

  test(`${name} answers 401 with the reason, unless nobody is welcome too`, async () => {
    const got = await go({}, "/api/foo", {});
    assert.equal(got.status, 401);
    assert.equal(got.headers.get("x-attache-auth-reason"), "no_token");
    assert.equal(JSON.parse(got.body).error, "signed_out");
    const open = await go({ required: false }, "/api/foo", {});
    assert.deepEqual([open.status, open.body], [200, "no_token"]);
  });

  test(`${name} sends a page to the broker and cleans the address on the way back`, async () => {
    const to = await go({ required: false }, "/api/foo?a=1", PAGE);
    assert.equal(to.status, 307);
    const target = new URL(to.headers.get("location")!);
    assert.equal(target.searchParams.get("return_to"), `${APP}/api/foo?a=1`);
    const back = await go({}, `/api/foo?a=1&__attache_handshake=${await token({ claims: { nonce: "n0nce" } })}`, { ...PAGE, cookie: "attache_handshake=n0nce" });
    assert.deepEqual([back.status, back.headers.get("location")], [307, `${APP}/api/foo?a=1`]);
    assert.equal(back.headers.getSetCookie().length, 2);
    assert.equal(back.headers.get("cache-control"), "no-store");
  });

  test(`${name} answers 503 where the keys cannot be read`, async () => {
    const got = await go({ keys: () => Promise.reject(new TypeError("fetch failed")) }, "/api/foo", { authorization: `Bearer ${await token()}` });
    assert.equal(got.status, 503);
    assert.equal(got.headers.get("retry-after"), "5");
  });
}
