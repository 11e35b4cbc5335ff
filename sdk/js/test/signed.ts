// Tokens with a real signature, and options to verify them. Promises nothing itself.
import { generateKeyPair, SignJWT } from "jose";
import type { AuthenticateOptions } from "../src/node.js";
import { APP, BROKER } from "./world.js";

/** As a browser keeps it on its way to the broker. */
export const NONCE = "n0nce-of-this-browser";
export const NOW = 1_800_000_000;
const pairs = Promise.all(["EdDSA", "ES256", "RS256", "PS256"].map(async (alg) => [alg, await generateKeyPair(alg)] as const)).then((all) => new Map(all));

export interface Changes {
  alg?: string;
  typ?: string;
  claims?: Record<string, unknown>;
  /** Signed by a key that nobody published. */
  forged?: boolean;
}

export async function token({ alg = "EdDSA", typ = "JWT", claims = {}, forged = false }: Changes = {}): Promise<string> {
  const all = { iss: BROKER, aud: BROKER, sub: "ac_1", sid: "se_1", azp: APP, iat: NOW - 10, nbf: NOW - 15, exp: NOW + 50, ...claims };
  const key = forged ? (await generateKeyPair(alg)).privateKey : (await pairs).get(alg)!.privateKey;
  return await new SignJWT(JSON.parse(JSON.stringify(all))).setProtectedHeader({ alg, typ }).sign(key);
}

export const options: AuthenticateOptions = {
  url: BROKER,
  authorizedParties: [APP],
  now: () => NOW * 1000,
  keys: async ({ alg }) => (await pairs).get(alg!)!.publicKey,
};
