// Who is signed in in this browser, as far as the page knows. Holds no token.
import type { Ask } from "./broker.js";
import { keepHint, removeCookies } from "./cookie.js";
import type { Environment } from "./environment.js";
import type { Tabs } from "./tabs.js";
import type { WhoIsSignedIn } from "./wire.js";

/** The person who is signed in. */
export interface User {
  /** The account's id, `ac_…`. The token's `sub`. */
  id: string;
  name: string | null;
  email: string | null;
  /** The URL of a picture. */
  picture: string | null;
}

/** What the page knows. A new object whenever it changes, and never changed itself. */
export interface State {
  /** False until the broker has answered for the first time. */
  isLoaded: boolean;
  /** `expiresAt` is in seconds since 1970. */
  session: { id: string; expiresAt: number } | null;
  user: User | null;
}

export const UNLOADED: State = Object.freeze({ isLoaded: false, session: null, user: null });
const NOBODY: State = Object.freeze({ isLoaded: true, session: null, user: null });

/** How old the answer may be when the person comes back to the tab. */
const STALE_AFTER = 60_000;
const TRY_AGAIN_AFTER = 15_000;

export interface Presence {
  state(): State;
  /** The state, once the broker has told it. */
  loaded(): Promise<State>;
  /** Asks the broker anew. */
  reload(): Promise<State>;
  /** Nobody is signed in any more. */
  end(): void;
  /** Calls at each change. Gives back how to stop it. */
  subscribe(listener: (state: State) => void): () => void;
  close(): void;
}

export function watchPresence(env: Environment, ask: Ask, tabs: Tabs): Presence {
  let state = UNLOADED;
  let asked = -Infinity;
  let asking: Promise<State> | undefined;
  let change = 0;
  let stopTimer = () => {};
  let isOpen = true;
  const listeners = new Set<(state: State) => void>();

  function become(next: State, isNews: boolean): void {
    if (!next.session) removeCookies(env);
    if (JSON.stringify(state) === JSON.stringify(next)) return;
    state = next;
    change++;
    if (isNews) tabs.tell({ kind: "session", id: next.session?.id ?? null });
    for (const listener of [...listeners]) listener(state);
  }

  async function load(): Promise<State> {
    const began = change;
    try {
      const { session, user }: WhoIsSignedIn = await ask("GET", "/v1/session");
      // Somebody signed out while the answer was under way: it is older than what is known.
      if (change !== began) return state.isLoaded ? state : await load();
      asked = env.now();
      if (!session) become(NOBODY, true);
      else {
        keepHint(env, session.expires_at - env.wall() / 1000);
        become({ isLoaded: true, session: { id: session.id, expiresAt: session.expires_at }, user }, true);
      }
      return state;
    } catch (error) {
      if (!state.isLoaded && isOpen) {
        stopTimer();
        stopTimer = env.after(TRY_AGAIN_AFTER * (1 + env.random()), () => void reload().catch(() => {}));
      }
      throw error;
    }
  }

  function reload(): Promise<State> {
    asking ??= load().finally(() => (asking = undefined));
    return asking;
  }

  const stopHearing = tabs.hear((message) => {
    if (message.kind !== "session" || message.id === (state.session?.id ?? null)) return;
    if (message.id === null) become(NOBODY, false);
    else {
      // Tokens of whoever was signed in before must not be used while the broker is asked.
      if (state.session) become(UNLOADED, false);
      void reload().catch(() => {});
    }
  });
  const stopReturning = env.page?.onReturn((wasAway) => {
    if (wasAway || env.now() - asked > STALE_AFTER) void reload().catch(() => {});
  });

  return {
    state: () => state,
    loaded: async () => (state.isLoaded ? state : await reload()),
    reload,
    end: () => become(NOBODY, true),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      isOpen = false;
      stopTimer();
      stopHearing();
      stopReturning?.();
    },
  };
}
