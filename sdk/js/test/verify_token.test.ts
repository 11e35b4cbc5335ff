// Promises of verifyToken().
import assert from "node:assert/strict";
import { test } from "node:test";
import { AttacheError, TokenRefused, verifyToken } from "../src/node.js";
import { type Changes, NOW, options, token } from "./signed.js";
import { APP } from "./world.js";

for (const alg of ["EdDSA", "ES256", "RS256"]) {
  test(`a token signed by ${alg} is verified`, async () => {
    const claims = await verifyToken(await token({ alg }), options);
    assert.equal(claims.sub, "ac_1");
    assert.equal(claims.azp, APP);
  });
}

const refused: [string, Changes, string][] = [
  ["that ran out six seconds ago", { claims: { exp: NOW - 6 } }, "token_expired"],
  ["that begins in six seconds", { claims: { nbf: NOW + 6 } }, "token_not_active"],
  ["without an end", { claims: { exp: undefined } }, "token_invalid"],
  ["of another issuer", { claims: { iss: "https://evil.example" } }, "wrong_issuer"],
  ["for another audience", { claims: { aud: "https://other.example" } }, "wrong_audience"],
  ["of another page", { claims: { azp: "https://evil.example" } }, "wrong_party"],
  ["of no page", { claims: { azp: undefined } }, "wrong_party"],
  ["that is a content token", { typ: "at+jwt" }, "wrong_type"],
  ["by another algorithm", { alg: "PS256" }, "token_invalid"],
  ["by another key", { forged: true }, "token_invalid"],
];
for (const [which, changes, reason] of refused) {
  test(`a token ${which} is ${reason}`, async () => {
    await assert.rejects(verifyToken(await token(changes), options), (error) => error instanceof TokenRefused && error.code === "invalid_token" && error.reason === reason);
  });
}

test("five seconds between the clocks do no harm", async () => {
  assert.ok(await verifyToken(await token({ claims: { exp: NOW - 4, nbf: NOW - 60 } }), options));
  assert.ok(await verifyToken(await token({ claims: { nbf: NOW + 4 } }), options));
});

test("what is no token is refused", async () => {
  for (const text of ["", "a.b.c", "x"]) await assert.rejects(verifyToken(text, options), TokenRefused);
});

test("keys that cannot be read say nothing about the token", async () => {
  const keys = () => Promise.reject(new TypeError("fetch failed"));
  await assert.rejects(verifyToken(await token(), { ...options, keys }), (error) => error instanceof AttacheError && error.code === "keys_unavailable");
});

test("without authorized parties nothing is verified", async () => {
  await assert.rejects(verifyToken(await token(), { ...options, authorizedParties: [] }), /authorizedParties/);
});
