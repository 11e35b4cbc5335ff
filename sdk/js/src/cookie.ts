// The two cookies of the app's own origin: the session's token, so that a plain fetch to the app's backend is authenticated, and
// a hint that this browser had a session. Neither is HttpOnly, because this code has to replace them.
import type { Environment } from "./environment.js";

export const TOKEN_COOKIE = "attache_session";
export const HINT_COOKIE = "attache_client";

function write({ page }: Environment, name: string, value: string, seconds: number): void {
  if (!page) return;
  const secure = page.url().startsWith("https:") ? "; Secure" : "";
  page.writeCookie(`${name}=${value}; Max-Age=${Math.max(0, Math.floor(seconds))}; Path=/; SameSite=Lax${secure}`);
}

/** Keeps the token for the seconds that it has left. */
export function keepToken(env: Environment, jwt: string, seconds: number): void {
  write(env, TOKEN_COOKIE, jwt, seconds);
}

/** The token that a tab, or the app's backend, put there last. */
export function readToken({ page }: Environment): string | undefined {
  return page?.readCookie(TOKEN_COOKIE);
}

/** Remembers, as long as the session lives, that there is one. It holds nothing secret. */
export function keepHint(env: Environment, seconds: number): void {
  write(env, HINT_COOKIE, "1", seconds);
}

export function removeCookies(env: Environment): void {
  write(env, TOKEN_COOKIE, "", 0);
  write(env, HINT_COOKIE, "", 0);
}
