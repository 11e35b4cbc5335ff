// The tokens of this page: kept by session and template, renewed before they end, asked for once by all tabs together. Never
// written to a store; only the session's own token goes into the cookie of the app's origin.
import type { Ask } from "./broker.js";
import { keepToken } from "./cookie.js";
import type { Environment } from "./environment.js";
import { AttacheError } from "./errors.js";
import { type Held, rest } from "./life.js";
import type { Presence } from "./presence.js";
import type { Tabs } from "./tabs.js";
import type { SessionToken } from "./wire.js";

/** Which token, and how. */
export interface GetTokenOptions {
  /** The name of a token template, such as `hasura`. */
  template?: string;
  /** Seconds for which the token must still be good. Default 5. Beyond the token's whole life every call makes a request. */
  minTtl?: number;
  /** Asks the broker, whatever is kept. */
  skipCache?: boolean;
}

/** Gives a token that is good now, or null where nobody is signed in. */
export type GetToken = (options?: GetTokenOptions | string) => Promise<string | null>;

/** With so many seconds left a token is missing: it would run out on its way. */
const MARGIN = 5;
/** Milliseconds before the end at which a token is renewed. */
const RENEW_BEFORE = 15_000;
/** How long what another tab told may take to arrive, once that tab has let go. */
const ARRIVAL = 100;

interface Want {
  key: string;
  template: string | undefined;
}

interface Entry {
  held: Held;
  /** Whether anybody asked for it. One that nobody uses is not renewed. */
  used: boolean;
  stopTimer: () => void;
}

interface Flight {
  answer: Promise<string | null>;
  sent: boolean;
  /** Somebody wants a new token, so what another tab has is not enough. */
  mustBeNew: boolean;
}

const DEFAULT: Want = { key: "", template: undefined };

export interface Tokens {
  get: GetToken;
  close(): void;
}

export function keepTokens(url: string, env: Environment, ask: Ask, tabs: Tabs, presence: Presence): Tokens {
  const entries = new Map<string, Entry>();
  const flights = new Map<string, Flight>();
  const arrivals = new Set<() => void>();
  let owner: string | undefined;

  const session = () => presence.state().session?.id;
  const left = (key: string) => {
    const entry = entries.get(key);
    return entry ? rest(entry.held, env) : 0;
  };
  const isSoonToEnd = (held: Held) => rest(held, env) <= renewal(held);

  function forget(): void {
    for (const entry of entries.values()) entry.stopTimer();
    entries.clear();
  }

  function keep(want: Want, held: Held): void {
    entries.get(want.key)?.stopTimer();
    const entry: Entry = { held, used: false, stopTimer: () => {} };
    entries.set(want.key, entry);
    // The session ends in a moment: another token would have no longer life.
    if (held.life <= MARGIN * 1000) return;
    entry.stopTimer = env.after(Math.max(0, rest(held, env) - renewal(held)), () => {
      // The cookie has to last as long as somebody looks at the page.
      if (entry.used || (want.key === "" && env.page?.isVisible())) inBackground(want);
    });
  }

  function inBackground(want: Want): void {
    // Whoever asks next is told what is wrong.
    fly(want, false).catch(() => {});
  }

  function fly(want: Want, mustBeNew: boolean): Promise<string | null> {
    const under = flights.get(want.key);
    if (under && !(mustBeNew && under.sent)) {
      under.mustBeNew ||= mustBeNew;
      return under.answer;
    }
    const flight: Flight = { answer: Promise.resolve(null), sent: false, mustBeNew };
    flight.answer = obtain(want, flight).finally(() => {
      if (flights.get(want.key) === flight) flights.delete(want.key);
    });
    flights.set(want.key, flight);
    return flight.answer;
  }

  async function obtain(want: Want, flight: Flight): Promise<string | null> {
    const insufficient = entries.get(want.key)?.held;
    for (let round = 0; round < 3; round++) {
      const { session: current } = await presence.loaded();
      if (!current) return null;
      const jwt = await env.exclusively(`attache ${url} ${current.id} ${want.key}`, async (waited) => {
        if (!flight.mustBeNew) {
          const told = otherTabs(want.key, insufficient) ?? (waited ? await arrival(want.key, insufficient) : undefined);
          if (told) return told.jwt;
        }
        flight.sent = true;
        return await request(want, current.id);
      });
      if (jwt !== undefined) return jwt;
    }
    throw new AttacheError("unavailable", "Who is signed in changed again and again. Reload the page.");
  }

  /** What came in place of what was not good enough. */
  function otherTabs(key: string, insufficient: Held | undefined): Held | undefined {
    const held = entries.get(key)?.held;
    return held && held !== insufficient && !isSoonToEnd(held) ? held : undefined;
  }

  function arrival(key: string, insufficient: Held | undefined): Promise<Held | undefined> {
    return new Promise((resolve) => {
      const look = () => {
        const held = otherTabs(key, insufficient);
        if (held) finish(held);
      };
      const finish = (held?: Held) => {
        arrivals.delete(look);
        stop();
        resolve(held);
      };
      const stop = env.after(ARRIVAL, () => finish());
      arrivals.add(look);
    });
  }

  /** Undefined where it is no longer the same session. */
  async function request(want: Want, of: string): Promise<string | null | undefined> {
    const asked = { now: env.now(), wall: env.wall() };
    const path = want.template === undefined ? "" : `/${encodeURIComponent(want.template)}`;
    try {
      const { jwt, expires_in }: SessionToken = await ask("POST", `/v1/session/tokens${path}`, {});
      if (session() !== of) return undefined;
      if (want.key === "" && (sessionOf(jwt) ?? of) !== of) {
        // Somebody else has signed in, and no tab said so.
        await presence.reload();
        return undefined;
      }
      const held: Held = { jwt, life: expires_in * 1000, ...asked };
      keep(want, held);
      if (want.key === "") keepToken(env, jwt, rest(held, env) / 1000);
      tabs.tell({ kind: "token", session: of, key: want.key, jwt, life: held.life, spent: env.now() - held.now, wall: held.wall });
      return jwt;
    } catch (error) {
      if (!(error instanceof AttacheError) || error.code !== "signed_out") throw error;
      if (session() !== of) return undefined;
      presence.end();
      return null;
    }
  }

  const stopHearing = tabs.hear((message) => {
    if (message.kind !== "token" || message.session !== session()) return;
    const want = wanted(message.key);
    keep(want, { jwt: message.jwt, life: message.life, now: env.now() - message.spent, wall: message.wall });
    for (const look of [...arrivals]) look();
  });
  const stopSubscription = presence.subscribe((state) => {
    if (state.session?.id === owner) return;
    owner = state.session?.id;
    forget();
    if (owner !== undefined && env.page) inBackground(DEFAULT);
  });
  const stopReturning = env.page?.onReturn(() => {
    const held = entries.get("")?.held;
    if (session() !== undefined && (!held || isSoonToEnd(held))) inBackground(DEFAULT);
  });

  return {
    async get(asked) {
      const options = typeof asked === "string" ? { template: asked } : (asked ?? {});
      const want = parse(options);
      if (!(await presence.loaded()).session) return null;
      const entry = entries.get(want.key);
      if (entry && !options.skipCache && left(want.key) > Math.max(MARGIN, options.minTtl ?? 0) * 1000) {
        entry.used = true;
        if (isSoonToEnd(entry.held)) inBackground(want);
        return entry.held.jwt;
      }
      const jwt = await fly(want, options.skipCache ?? false);
      const kept = entries.get(want.key);
      if (kept) kept.used = true;
      return jwt;
    },
    close() {
      stopHearing();
      stopSubscription();
      stopReturning?.();
      forget();
    },
  };
}

/** A token with a short life is renewed at half of it. */
function renewal(held: Held): number {
  return Math.min(RENEW_BEFORE, held.life / 2);
}

function parse({ template, minTtl = 0 }: GetTokenOptions): Want {
  const refuse = (sentence: string) => new AttacheError("invalid_options", sentence);
  if (template !== undefined && (typeof template !== "string" || template === "")) throw refuse("`template` must be the name of a token template.");
  if (!Number.isFinite(minTtl) || minTtl < 0) throw refuse("`minTtl` must be a number of seconds.");
  return wanted(template === undefined ? "" : `template ${template}`);
}

function wanted(key: string): Want {
  return { key, template: key === "" ? undefined : key.slice("template ".length) };
}

/** The `sid` that a session's own token names. Not verified: it came from the broker a moment ago. */
function sessionOf(jwt: string): string | undefined {
  try {
    const payload = jwt.split(".")[1] ?? "";
    return JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))).sid;
  } catch {
    return undefined;
  }
}
