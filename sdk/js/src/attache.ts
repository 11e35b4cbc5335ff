// The one value that a page uses, put together. Decides nothing itself.
import { authenticated, type Fetch } from "./authenticated_fetch.js";
import { type Ask, askBroker } from "./broker.js";
import { lookForCompany } from "./company.js";
import { connecting, type ConnectOptions } from "./connect.js";
import { type Connection, readConnections } from "./connections.js";
import { type Environment, surroundings } from "./environment.js";
import { AttacheError } from "./errors.js";
import { type State, watchPresence } from "./presence.js";
import { joinTabs } from "./tabs.js";
import { type GetToken, keepTokens } from "./tokens.js";
import type { SignedOutHere } from "./wire.js";

export interface AttacheOptions {
  /** The broker's public URL, such as `https://attache.example.com`. Of the same site as the page. */
  url: string;
  /** Time, network and page, for tests. */
  environment?: Environment;
}

export interface SignOutOptions {
  /** Stay on the page: the issuer's own session goes on. Default false. */
  local?: boolean;
}

/** A page's way to the broker. Its functions may be taken apart: `const { getToken } = attache.session`. */
export interface Attache {
  readonly url: string;
  readonly session: {
    /** `se_…`; null where nobody is signed in or it is not known yet. */
    readonly id: string | null;
    /**
     * A token that is good now, or null where nobody is signed in.
     *
     * @throws {@link AttacheError}
     */
    getToken: GetToken;
  };
  /** Who is signed in, as far as it is known. */
  readonly state: State;
  /** The state, once the broker has told it. */
  load(): Promise<State>;
  /** Calls with the new state at each change. Gives back how to stop it. */
  subscribe(listener: (state: State) => void): () => void;
  /** Sends a request with the person's token, and once more after a 401. */
  fetch: Fetch;
  /** Leaves the page to sign in, and comes back to `returnTo` (an absolute URL; default: this page). */
  signIn(options?: { returnTo?: string }): void;
  /** Signs out here, in every tab, and then at the issuer. */
  signOut(options?: SignOutOptions): Promise<void>;
  /**
   * Lets the person connect an app. Call it in a click handler.
   *
   * @throws {@link AttacheError} `connect_denied`, `connect_closed`, `connect_blocked`, `connect_failed`
   */
  connect(app: string, options?: ConnectOptions): Promise<Connection>;
  /** After `connect(app, { mode: "redirect" })`, on the page that the person came back to. Null on every other, and the second time. */
  connectResult(): Promise<Connection | null>;
  /** The apps that the person has connected and not stopped, the last used first, 200 at the most. */
  connections(): Promise<Connection[]>;
  /** Calls when that list may have changed, in whatever tab. Gives back how to stop it. */
  subscribeConnections(listener: () => void): () => void;
  /** Stops an app. Final at once. */
  revoke(connectionId: string): Promise<Connection>;
  /** Ends timers and listeners. */
  close(): void;
}

/** @throws {@link AttacheError} `invalid_options` unless `url` is an http or https URL. */
export function createAttache({ url: given, environment: env = surroundings() }: AttacheOptions): Attache {
  const url = brokerUrl(given);
  const ask = askBroker(url, env);
  const tabs = joinTabs(url, env);
  const presence = watchPresence(env, ask, tabs);
  const ofPerson: Ask = async (...request) => {
    try {
      return await ask(...request);
    } catch (error) {
      // The session ended elsewhere.
      if (isSignedOut(error)) presence.end();
      throw error;
    }
  };
  const company = lookForCompany(env, tabs);
  const tokens = keepTokens(url, env, ask, tabs, presence, company);
  const connections = readConnections(ofPerson, tabs);
  const connect = connecting(url, env, tabs, presence, connections);

  // On a server there is no cookie to ask by.
  if (env.page) presence.loaded().catch(() => {});

  const leave = (address: string) => env.page?.go(address);
  return {
    url,
    session: {
      get id() {
        return presence.state().session?.id ?? null;
      },
      getToken: tokens.get,
    },
    get state() {
      return presence.state();
    },
    load: presence.loaded,
    subscribe: presence.subscribe,
    fetch: authenticated(env, tokens.get),
    signIn({ returnTo = env.page?.url() ?? "" } = {}) {
      leave(`${url}/sign-in?${new URLSearchParams({ return_to: returnTo })}`);
    },
    async signOut({ local = false } = {}) {
      const { sign_out_url: next }: SignedOutHere = await ask("DELETE", "/v1/session").catch((error) => {
        if (isSignedOut(error)) return { sign_out_url: null };
        throw error;
      });
      presence.end();
      if (next && !local) leave(next);
    },
    connect: connect.connect,
    connectResult: connect.result,
    connections: connections.list,
    subscribeConnections: connections.subscribe,
    revoke: connections.revoke,
    close() {
      tokens.close();
      company.close();
      presence.close();
      tabs.close();
    },
  };
}

function isSignedOut(error: unknown): boolean {
  return error instanceof AttacheError && error.code === "signed_out";
}

function brokerUrl(given: string): string {
  try {
    const url = new URL(given);
    if (/^https?:$/.test(url.protocol) && !url.search && !url.hash) return url.href.replace(/\/+$/, "");
  } catch {
    // Told below.
  }
  throw new AttacheError("invalid_options", "`url` must be the broker's public URL, such as https://attache.example.com.");
}
