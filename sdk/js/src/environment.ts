// What the SDK uses of its surroundings: time, network, other tabs, the page. All of it can be replaced. Decides nothing.

/** Messages to the other tabs of this origin. */
export interface Channel {
  post(message: unknown): void;
  listen(listener: (message: unknown) => void): void;
  close(): void;
}

/** Runs `work` while no other tab holds the same name. `waited` says whether somebody held it before. */
export type Exclusively = <T>(name: string, work: (waited: boolean) => Promise<T>) => Promise<T>;

/** The page that the SDK runs in. */
export interface Page {
  /** Its address. */
  url(): string;
  /** Leaves for another address. */
  go(url: string): void;
  /** Writes another address over the one that is shown, and stays. */
  rename(url: string): void;
  /** Opens a window. False where the browser opened none. */
  open(url: string): boolean;
  closeWindow(): void;
  /** Shows a sentence instead of the page. */
  show(sentence: string): void;
  /** Writes one cookie, in the form of `document.cookie`. */
  writeCookie(line: string): void;
  readCookie(name: string): string | undefined;
  isVisible(): boolean;
  /** Calls when the page is shown again or gets the focus. `wasAway`: it heard nothing meanwhile. Gives back how to stop that. */
  onReturn(listener: (wasAway: boolean) => void): () => void;
  /** Calls when the page is left, closed or loaded anew. Gives back how to stop that. */
  onLeave(listener: () => void): () => void;
  /** Text that lives as long as this tab. */
  read(name: string): string | null;
  write(name: string, value: string | null): void;
}

/** Everything outside. Tests bring their own. */
export interface Environment {
  fetch: typeof fetch;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Milliseconds since 1970. It may be wrong, but it goes on while the machine sleeps. */
  wall(): number;
  /** Calls after so many milliseconds. Gives back how to stop that. */
  after(milliseconds: number, call: () => void): () => void;
  /** From 0 to 1, for jitter. */
  random(): number;
  /** 128 random bits that nobody can guess. */
  secret(): string;
  exclusively: Exclusively;
  openChannel(name: string): Channel;
  /** None on a server. */
  page: Page | null;
}

const LONGEST_WAIT = 20_000;
const noChannel: Channel = { post() {}, listen() {}, close() {} };

/** The surroundings of a browser; on a server one without a page. */
export function surroundings(): Environment {
  const inBrowser = typeof window !== "undefined" && typeof document !== "undefined";
  return {
    fetch: (...args) => globalThis.fetch(...args),
    now: () => performance.now(),
    wall: () => Date.now(),
    after(milliseconds, call) {
      const timer = setTimeout(call, milliseconds);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    secret: () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    exclusively: inBrowser && navigator.locks ? underLock : (_, work) => work(false),
    openChannel: inBrowser && typeof BroadcastChannel === "function" ? broadcast : () => noChannel,
    page: inBrowser ? page() : null,
  };
}

async function underLock<T>(name: string, work: (waited: boolean) => Promise<T>): Promise<T> {
  let began = false;
  const begin = (waited: boolean) => {
    began = true;
    return work(waited);
  };
  try {
    const free = await navigator.locks.request(name, { ifAvailable: true }, async (lock) => lock && { value: await begin(false) });
    if (free) return free.value;
    return await navigator.locks.request(name, { signal: AbortSignal.timeout(LONGEST_WAIT) }, () => begin(true));
  } catch (error) {
    if (began) throw error;
    // The tab that holds it is asleep, or this page may have no locks: then it asks for itself.
    return await work(true);
  }
}

function broadcast(name: string): Channel {
  const channel = new BroadcastChannel(name);
  // Under Node, where tests have a page, it would keep the process alive.
  (channel as { unref?(): void }).unref?.();
  return {
    post: (message) => channel.postMessage(message),
    listen: (listener) => channel.addEventListener("message", (event) => listener(event.data)),
    close: () => channel.close(),
  };
}

function page(): Page {
  return {
    url: () => location.href,
    go: (url) => location.assign(url),
    rename: (url) => history.replaceState(history.state, "", url),
    open: (url) => window.open(url, "_blank", "popup,width=520,height=720") !== null,
    closeWindow: () => window.close(),
    show: (sentence) => {
      document.body.textContent = sentence;
    },
    writeCookie: (line) => {
      stored(() => (document.cookie = line));
    },
    readCookie: (name) =>
      stored(() => document.cookie)
        ?.split("; ")
        .find((pair) => pair.startsWith(`${name}=`))
        ?.slice(name.length + 1),
    isVisible: () => document.visibilityState === "visible",
    onReturn(listener) {
      const whenVisible = () => document.visibilityState === "visible" && listener(false);
      const whenFocused = () => listener(false);
      // Out of the back/forward cache.
      const whenBack = ({ persisted }: PageTransitionEvent) => persisted && listener(true);
      document.addEventListener("visibilitychange", whenVisible);
      window.addEventListener("focus", whenFocused);
      window.addEventListener("pageshow", whenBack);
      return () => {
        document.removeEventListener("visibilitychange", whenVisible);
        window.removeEventListener("focus", whenFocused);
        window.removeEventListener("pageshow", whenBack);
      };
    },
    onLeave(listener) {
      window.addEventListener("pagehide", listener);
      return () => window.removeEventListener("pagehide", listener);
    },
    // A page may be forbidden to store anything; then a redirect cannot be told from a forged one, and is refused.
    read: (name) => stored(() => sessionStorage.getItem(name)),
    write: (name, value) => {
      stored(() => (value === null ? sessionStorage.removeItem(name) : sessionStorage.setItem(name, value)));
    },
  };
}

function stored<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
