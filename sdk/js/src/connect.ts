// Sends the person to connect an app, in a window of its own or by leaving the page, and takes the answer.
//
// The broker's pages cut every tie between the window and who opened it (Cross-Origin-Opener-Policy). So neither `opener` nor
// `closed` is read here: the window ends on a page of the app, where this same code tells the other tabs and closes it.
import type { Connection, Connections } from "./connections.js";
import type { Environment } from "./environment.js";
import { AttacheError } from "./errors.js";
import type { Presence } from "./presence.js";
import type { Message, Tabs } from "./tabs.js";

export interface ConnectOptions {
  /** A window of its own, or this page. Default `popup`. */
  mode?: "popup" | "redirect";
  /** Where the person comes back to: a page of this origin that loads the SDK. Default: this page without query and fragment. */
  returnTo?: string;
}

/** What comes back in the address. */
interface Answer {
  connection: string | null;
  error: string | null;
  description: string | null;
}

const POPUP = "attache.popup.";
const REDIRECT = "attache.redirect.";
const EXPECTED = "attache_connect";
/** How long the answer may still be on its way when the person is back on the page. */
const GRACE = 3_000;
const CLOSING = 500;

export interface Connecting {
  connect(app: string, options?: ConnectOptions): Promise<Connection>;
  result(): Promise<Connection | null>;
}

export function connecting(url: string, env: Environment, tabs: Tabs, presence: Presence, connections: Connections): Connecting {
  const returned = receive(env, tabs);

  /** The connection itself. An id that this person's list does not hold is somebody else's. */
  async function take({ connection: id, error, description }: Answer): Promise<Connection> {
    if (id === null) throw refusal(error ?? "server_error", description);
    // They may have signed in on the way.
    await presence.reload();
    const connection = (await connections.list()).find((one) => one.id === id);
    if (!connection) throw new AttacheError("connect_failed", "The connection is not of the person who is signed in here. Do not use it; let them connect again.");
    connections.changed();
    return connection;
  }

  function inWindow(app: string, address: string, state: string): Promise<Connection> {
    // First of all: browsers open a window only while they handle a click.
    if (!env.page!.open(address)) throw new AttacheError("connect_blocked", "The browser opened no window. Call connect() directly in a click handler, or with `mode: \"redirect\"`.");
    const before = connections.list().catch(() => undefined);

    const news = async () => {
      const known = await before;
      const now = await connections.list().catch(() => []);
      const isNew = (one: Connection) => !known!.some((old) => old.id === one.id && old.connectedAt === one.connectedAt && old.state === one.state);
      return known && now.find((one) => one.app.key === app && one.state === "active" && isNew(one));
    };

    return new Promise<Connection>((resolve, reject) => {
      let isChecking = false;
      let stopGrace = () => {};
      const settle = (outcome: Promise<Connection>) => {
        stopHearing();
        stopReturning();
        stopGrace();
        resolve(outcome);
      };
      const check = async (): Promise<boolean> => {
        const found = await news();
        if (found) settle(take({ connection: found.id, error: null, description: null }));
        return found !== undefined;
      };
      const stopHearing = tabs.hear((message) => {
        if (message.kind !== "connect" || message.state !== state) return;
        tabs.tell({ kind: "connect-heard", state });
        settle(take(message));
      });
      const stopReturning = env.page!.onReturn(async () => {
        if (isChecking) return;
        isChecking = true;
        if (await check()) return;
        stopGrace = env.after(GRACE, async () => {
          if (await check()) return;
          isChecking = false;
          if (!env.page!.isVisible()) return;
          stopHearing();
          stopReturning();
          reject(new AttacheError("connect_closed", "The person came back without an answer. The window is closed, or still open behind this page. Offer to connect once more."));
        });
      });
    });
  }

  return {
    async connect(app, options = {}) {
      const { page } = env;
      if (!page) throw new AttacheError("invalid_options", "connect() needs a page in a browser.");
      const { mode = "popup", returnTo = bare(page.url()) } = options;
      const state = (mode === "popup" ? POPUP : REDIRECT) + env.secret();
      const asked = new URLSearchParams({ redirect_uri: returnTo, state });
      const address = `${url}/connect/${encodeURIComponent(app)}?${asked}`;
      if (mode === "popup") return await inWindow(app, address, state);
      page.write(EXPECTED, state);
      page.go(address);
      // The page ends here. connectResult() goes on after the way back.
      return await new Promise<never>(() => {});
    },
    async result() {
      const answer = returned.take();
      return answer && (await take(answer));
    },
  };
}

/** Reads what the address of this page brings back, and cleans it. */
function receive(env: Environment, tabs: Tabs): { take(): Answer | null } {
  const { page } = env;
  const nothing = { take: () => null };
  if (!page) return nothing;
  const here = new URL(page.url());
  const asked = here.searchParams;
  const state = asked.get("state") ?? "";
  let answer: Answer | null = { connection: asked.get("connection"), error: asked.get("error"), description: asked.get("error_description") };
  const isOurs = state.startsWith(POPUP) || state.startsWith(REDIRECT);
  if (!isOurs || (answer.connection === null && answer.error === null)) return nothing;
  for (const name of ["state", "connection", "error", "error_description"]) asked.delete(name);
  page.rename(here.toString());

  if (state.startsWith(POPUP)) {
    const stop = tabs.hear((message: Message) => {
      if (message.kind !== "connect-heard" || message.state !== state) return;
      stop();
      page.closeWindow();
      // Some browsers do not let a page close such a window.
      env.after(CLOSING, () => page.show("You can close this window."));
    });
    tabs.tell({ kind: "connect", state, ...answer });
    return nothing;
  }
  const expected = page.read(EXPECTED);
  page.write(EXPECTED, null);
  // Somebody else may have made this link, to bring the person a connection of theirs.
  if (expected !== state) return nothing;
  return {
    take() {
      const once = answer;
      answer = null;
      return once;
    },
  };
}

/** RFC 6749 section 4.1.2.1. Only a person who said no comes back without a description. */
function refusal(error: string, description: string | null): AttacheError {
  const details = { body: { error, error_description: description } };
  if (error === "access_denied" && description === null) return new AttacheError("connect_denied", "The person said no. Do not ask again until they want it.", details);
  const what = error === "temporarily_unavailable" ? "Try again later." : "To try again does not help.";
  return new AttacheError("connect_failed", `The app was not connected (${error}). ${what} ${description ?? ""}`.trim(), details);
}

function bare(address: string): string {
  const url = new URL(address);
  url.search = url.hash = "";
  return url.toString();
}
