// The tokens of this page: kept by session and template or resource, renewed before they end, asked for once by all tabs together. Never
// written to a store; only the session's own token goes into the cookie of the app's origin.
import type { Ask } from "./broker.js";
import type { Company } from "./company.js";
import { keepToken } from "./cookie.js";
import type { Environment } from "./environment.js";
import { AttacheError } from "./errors.js";
import { type Held, rest } from "./life.js";
import type { Presence } from "./presence.js";
import type { Message, Tabs } from "./tabs.js";
import { OWN, type Want, ofKey, wanted } from "./want.js";
import type { SessionToken } from "./wire.js";

/** Which token, and how. */
export interface GetTokenOptions {
  /** The name of a token template, such as `hasura`. */
  template?: string;
  /** The URL of the content API that the token is for. Not with a template. */
  resource?: string;
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

type Told = Extract<Message, { kind: "token" }>;

export interface Tokens {
  get: GetToken;
  close(): void;
}

export function keepTokens(url: string, env: Environment, ask: Ask, tabs: Tabs, presence: Presence, company: Company): Tokens {
  const entries = new Map<string, Entry>();
  const flights = new Map<string, Flight>();
  const arrivals = new Set<() => void>();
  // What other tabs told before it is known here who is signed in.
  const early = new Map<string, Told>();
  let owner: string | undefined;
  let isOpen = true;

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
    if (held.life <= MARGIN * 1000 || !isOpen) return;
    entry.stopTimer = env.after(Math.max(0, rest(held, env) - renewal(held)), () => {
      // The cookie has to last as long as somebody looks at the page.
      if (entry.used || (want === OWN && env.page?.isVisible())) inBackground(want);
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
          const patience = waited ? ARRIVAL : company.patience(entries.get(OWN.key)?.held.jwt);
          const told = otherTabs(want.key, insufficient) ?? (await arrival(want.key, insufficient, patience));
          if (told) return told.jwt;
        }
        flight.sent = true;
        return await request(want, current.id);
      });
      if (jwt !== undefined) return jwt;
    }
    throw new AttacheError("unavailable", "The broker's answers came too late again and again, or who is signed in changed. Reload the page.");
  }

  /** What came in place of what was not good enough. */
  function otherTabs(key: string, insufficient: Held | undefined): Held | undefined {
    const held = entries.get(key)?.held;
    return held && held !== insufficient && !isSoonToEnd(held) ? held : undefined;
  }

  async function arrival(key: string, insufficient: Held | undefined, patience: number): Promise<Held | undefined> {
    if (patience === 0) return undefined;
    return await new Promise((resolve) => {
      const look = () => {
        const held = otherTabs(key, insufficient);
        if (held) finish(held);
      };
      const finish = (held?: Held) => {
        arrivals.delete(look);
        stop();
        resolve(held);
      };
      const stop = env.after(patience, () => finish());
      arrivals.add(look);
    });
  }

  /** Undefined where it is no longer the same session, or the answer is too old. */
  async function request(want: Want, of: string): Promise<string | null | undefined> {
    const asked = { now: env.now(), wall: env.wall() };
    try {
      const { jwt, expires_in }: SessionToken = await ask("POST", want.path, want.body);
      if (session() !== of) return undefined;
      // A template may make a claim of that name of its own.
      if (want.path === OWN.path && (sessionOf(jwt) ?? of) !== of) {
        // Somebody else has signed in, and no tab said so.
        await presence.reload();
        return undefined;
      }
      const held: Held = { jwt, life: expires_in * 1000, ...asked };
      // The machine slept while the answer was under way.
      if (rest(held, env) <= Math.min(MARGIN * 1000, held.life / 2)) return undefined;
      keep(want, held);
      if (want === OWN) keepToken(env, jwt, rest(held, env) / 1000);
      tell(want.key, held, of);
      return jwt;
    } catch (error) {
      if (!(error instanceof AttacheError) || error.code !== "signed_out") throw error;
      if (session() !== of) return undefined;
      presence.end();
      return null;
    }
  }

  function tell(key: string, { jwt, life, now, wall }: Held, of: string): void {
    tabs.tell({ kind: "token", session: of, key, jwt, life, spent: env.now() - now, wall });
  }

  function tellAll(): void {
    const of = session();
    if (of === undefined) return;
    // The session's own, with its empty key, comes last: whoever has it has heard of all of them.
    for (const key of [...entries.keys()].sort().reverse()) {
      const { held } = entries.get(key)!;
      if (!isSoonToEnd(held)) tell(key, held, of);
    }
  }

  function take({ key, jwt, life, spent, wall }: Told): void {
    const held: Held = { jwt, life, now: env.now() - spent, wall };
    // Every tab hears what another one asked for, and some answers are late.
    if (entries.get(key)?.held.jwt !== jwt && rest(held, env) > left(key)) keep(ofKey(key), held);
    for (const look of [...arrivals]) look();
  }

  const stopHearing = tabs.hear((message) => {
    if (message.kind === "tokens-wanted") tellAll();
    if (message.kind !== "token") return;
    if (message.session === session()) take(message);
    else if (session() === undefined) early.set(message.key, message);
  });
  const stopSubscription = presence.subscribe((state) => {
    if (state.session?.id === owner) return;
    owner = state.session?.id;
    forget();
    const told = [...early.values()];
    early.clear();
    for (const message of told) if (message.session === owner) take(message);
    if (owner !== undefined && env.page && left(OWN.key) === 0) inBackground(OWN);
  });
  const stopReturning = env.page?.onReturn(() => {
    const held = entries.get(OWN.key)?.held;
    if (session() !== undefined && (!held || isSoonToEnd(held))) inBackground(OWN);
  });

  return {
    async get(asked) {
      const options = typeof asked === "string" ? { template: asked } : (asked ?? {});
      const { minTtl = 0 } = options;
      if (!Number.isFinite(minTtl) || minTtl < 0) throw new AttacheError("invalid_options", "`minTtl` must be a number of seconds.");
      const want = wanted(options);
      if (!(await presence.loaded()).session) return null;
      const entry = entries.get(want.key);
      if (entry && !options.skipCache && left(want.key) > Math.max(MARGIN, minTtl) * 1000) {
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
      isOpen = false;
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

/** The `sid` that a token names. Not verified: it came from the broker a moment ago. */
function sessionOf(jwt: string): string | undefined {
  try {
    const payload = jwt.split(".")[1] ?? "";
    return JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))).sid;
  } catch {
    return undefined;
  }
}
