// The way to the broker and back when somebody opens a page and their token ran out. Keeps a nonce in a cookie, so that nobody
// can make a link that signs others in as themselves. Verifies no token.
import { HINT_COOKIE, TOKEN_COOKIE } from "../cookie.js";
import type { Said } from "./request_headers.js";

/** What the broker adds to the address: a token, or `signed_out`. */
export const RETURNED = "__attache_handshake";
/** Holds the nonce on the way, and `done` for a moment after it. */
const NONCE_COOKIE = "attache_handshake";
const DONE = "done";
/** Seconds that the way there and back may take. */
const ON_THE_WAY = 120;
/** Seconds after a handshake in which there is no other: a browser that did not take the cookie would go in a circle. */
const PAUSE = 10;

export interface Way {
  location: string;
  setCookie: string[];
}

/** The nonce that this browser was sent away with. */
export function nonceOf({ cookies }: Said): string | null {
  const value = cookies.get(NONCE_COOKIE) ?? "";
  return value !== DONE && /^[\w-]{16,128}$/.test(value) ? value : null;
}

export function wasJustThere({ cookies }: Said): boolean {
  return cookies.get(NONCE_COOKIE) === DONE;
}

/** What came back with this request, or null. */
export function returned({ isPage, target, origin }: Said): string | null {
  return isPage ? new URL(origin + target).searchParams.get(RETURNED) : null;
}

/** To the broker. Two pages that open at once share the nonce. */
export function away(said: Said, broker: string): Way {
  const nonce = nonceOf(said) ?? crypto.randomUUID();
  const asked = new URLSearchParams({ return_to: clean(said), nonce });
  return { location: `${broker}/v1/session/handshake?${asked}`, setCookie: [cookie(said, NONCE_COOKIE, nonce, ON_THE_WAY, "; HttpOnly")] };
}

/** To the page itself, with the token that came back. */
export function home(said: Said, token: string, seconds: number): Way {
  return { location: clean(said), setCookie: [cookie(said, TOKEN_COOKIE, token, seconds), done(said)] };
}

/** To the page itself, as a stranger. */
export function homeAsStranger(said: Said): Way {
  return { location: clean(said), setCookie: [cookie(said, TOKEN_COOKIE, "", 0), cookie(said, HINT_COOKIE, "", 0), done(said)] };
}

/** To the page itself, with the cookies that it has. */
export function homeAsBefore(said: Said): Way {
  return { location: clean(said), setCookie: [] };
}

export function done(said: Said): string {
  return cookie(said, NONCE_COOKIE, DONE, PAUSE, "; HttpOnly");
}

/** The address without what the broker added. The rest stays as it was sent. */
function clean({ origin, target }: Said): string {
  const [path, query = ""] = [target.split("?", 1)[0]!, target.slice(target.indexOf("?") + 1 || target.length)];
  const kept = query.split("&").filter((pair) => pair !== "" && pair.split("=", 1)[0] !== RETURNED);
  return origin + path + (kept.length > 0 ? `?${kept.join("&")}` : "");
}

function cookie({ origin }: Said, name: string, value: string, seconds: number, more = ""): string {
  const secure = origin.startsWith("https:") ? "; Secure" : "";
  return `${name}=${value}; Max-Age=${Math.max(0, Math.floor(seconds))}; Path=/; SameSite=Lax${secure}${more}`;
}
