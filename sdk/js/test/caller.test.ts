// Promises of the calls with an API key.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AttacheError, exchange, getExternalToken } from "../src/node.js";
import { BROKER } from "./world.js";

const caller = (answer: () => Response, seen: Request[] = []) => ({
  url: BROKER,
  apiKey: "ak_1",
  callerId: "ca_1",
  seen,
  fetch: (async (input, init) => {
    seen.push(new Request(input, init));
    return answer();
  }) as typeof fetch,
});

test("an external token is asked for with the key and the life that is needed", async () => {
  const own = caller(() => Response.json({ access_token: "at", token_type: "Bearer", expires_in: 3000, scope: "a b", state: "active" }));
  assert.deepEqual(await getExternalToken("Et1", { ...own, minTtl: 300 }), { accessToken: "at", tokenType: "Bearer", expiresIn: 3000, scope: "a b" });
  const [request] = own.seen;
  assert.equal(request!.url, `${BROKER}/v1/connections/Et1/token`);
  assert.equal(request!.headers.get("authorization"), "Bearer ak_1");
  assert.deepEqual(await request!.json(), { min_ttl: 300 });
});

test("a connection that needs its person again says where to send them, and is not asked for again", async () => {
  const own = caller(() => Response.json({ error: "reconnect_required", message: "Again.", connect_url: "https://x/connect" }, { status: 409 }));
  const error: AttacheError = await getExternalToken("Et1", own).then(() => assert.fail(), (error) => error);
  assert.equal(error.code, "reconnect_required");
  assert.equal((error.body as any).connect_url, "https://x/connect");
  assert.equal(own.seen.length, 1);
});

test("an exchange is a form of RFC 8693 with the caller's id and key", async () => {
  const own = caller(() => Response.json({ access_token: "ct", token_type: "Bearer", issued_token_type: "urn:ietf:params:oauth:token-type:access_token", expires_in: 300, scope: "content:read" }));
  const got = await exchange({ ...own, connection: "Et1", audience: "p/master", scope: "content:read" });
  assert.equal(got.accessToken, "ct");
  const [request] = own.seen;
  assert.equal(request!.headers.get("authorization"), `Basic ${btoa("ca_1:ak_1")}`);
  assert.match(request!.headers.get("content-type")!, /^application\/x-www-form-urlencoded/);
  assert.deepEqual(Object.fromEntries(new URLSearchParams(await request!.text())), {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: "Et1",
    subject_token_type: "urn:attache:params:oauth:token-type:connection",
    audience: "p/master",
    scope: "content:read",
  });
});

test("an OAuth error keeps its code and its sentence", async () => {
  const own = caller(() => Response.json({ error: "invalid_target", error_description: "No such place." }, { status: 400 }));
  const error: AttacheError = await exchange({ ...own, subjectToken: "at", resource: "https://x" }).then(() => assert.fail(), (error) => error);
  assert.equal(error.code, "invalid_target");
  assert.match(error.message, /No such place/);
});

test("an exchange of nothing, or for nothing, is refused before anything is asked", async () => {
  const own = caller(() => assert.fail("asked"));
  for (const wrong of [{ audience: "p/master" }, { subjectToken: "a", connection: "Et1", audience: "p/master" }, { connection: "Et1" }]) {
    await assert.rejects(exchange({ ...own, ...wrong }), (error) => error instanceof AttacheError && error.code === "invalid_options");
  }
});
