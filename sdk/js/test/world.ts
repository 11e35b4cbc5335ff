// A world for tests: a broker that holds the wire, a clock moved by hand, and tabs of one origin. Promises nothing itself.
import { type Attache, type Environment, createAttache } from "../src/index.js";

export const BROKER = "https://attache.example.com";
export const APP = "https://app.example.com";

export interface Asked {
  method: string;
  path: string;
  body: any;
  authorization: string | null;
}

type Answer = { status?: number; body?: unknown; headers?: Record<string, string> } | "network";

export class World {
  time = 0;
  /** What the wall clock adds to the other one. */
  wallAhead = 1_800_000_000_000;
  asked: Asked[] = [];
  /** The cookies of the app's origin, in every tab. */
  jar = new Map<string, { value: string; ends: number }>();
  session: { id: string; user: string } | null = { id: "se_1", user: "ac_1" };
  name = "Ada";
  life = 60;
  signOutUrl: string | null = null;
  connections: any[] = [];
  /** Takes the place of the broker's answer, where it gives one. */
  instead: (asked: Asked) => Answer | undefined = () => undefined;
  /** Answers requests to anywhere else. */
  elsewhere: (request: Request) => Response = () => Response.json({});
  #tokens = 0;
  #timers: { at: number; call: () => void; of?: Tab }[] = [];
  #frozen = new Map<Tab, (() => void)[]>();
  #channels = new Map<string, Set<(message: unknown) => void>>();
  #locks = new Map<string, Promise<unknown>>();
  #held: { path: string; held: (() => void)[] } | null = null;

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async pass(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    for (;;) {
      await this.settle();
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.time = Math.max(this.time, next.at);
      this.#run(next.of, next.call);
    }
    this.time = end;
    await this.settle();
  }

  #run(of: Tab | undefined, call: () => void): void {
    const frozen = of && this.#frozen.get(of);
    if (frozen) frozen.push(call);
    else call();
  }

  /** Lets a tab's timers and messages wait until the function that it gives is called. */
  freeze(tab: Tab): () => void {
    const waiting: (() => void)[] = [];
    this.#frozen.set(tab, waiting);
    return () => {
      this.#frozen.delete(tab);
      for (const call of waiting) call();
    };
  }

  /** Time in which no timer runs, and which only the wall clock sees. */
  sleep(milliseconds: number): void {
    this.wallAhead += milliseconds;
  }

  /** Keeps the answers to this method and path back until the function that it gives is called. */
  hold(path: string): () => void {
    const held: (() => void)[] = [];
    this.#held = { path, held };
    return () => {
      this.#held = null;
      for (const go of held) go();
    };
  }

  /** From now on messages between tabs take so long. */
  messagesTake: number | null = null;

  #deliver(call: () => void): void {
    if (this.messagesTake === null) setImmediate(call);
    else this.#timers.push({ at: this.time + this.messagesTake, call });
  }

  /** Another tab of the origin says something. */
  tell(message: unknown): void {
    for (const all of this.#channels.values()) for (const listener of all) listener(message);
  }

  asks(path: string): number {
    return this.asked.filter((asked) => asked.path === path).length;
  }

  #answer(asked: Asked): Answer {
    const { method, path } = asked;
    const instead = this.instead(asked);
    if (instead) return instead;
    const signedOut = { status: 401, body: { error: "signed_out", message: "Nobody is signed in here." } };
    if (path === "/v1/session" && method === "GET") {
      const { session } = this;
      if (!session) return { body: { session: null, user: null } };
      const expires_at = 1_800_086_400;
      return { body: { session: { id: session.id, expires_at }, user: { id: session.user, name: this.name, email: null, picture: null } } };
    }
    if (path === "/v1/session" && method === "DELETE") {
      this.session = null;
      return { body: { sign_out_url: this.signOutUrl } };
    }
    if (!this.session) return signedOut;
    if (path.startsWith("/v1/session/tokens")) {
      const template = path.slice("/v1/session/tokens/".length);
      const claims = template ? { n: ++this.#tokens, template } : { n: ++this.#tokens, sid: this.session.id, ...asked.body };
      return { body: { object: "token", jwt: jwt(claims), expires_in: this.life } };
    }
    if (path === "/v1/session/connections") return { body: { connections: this.connections.filter((one) => one.state !== "revoking") } };
    const revoked = /^\/v1\/session\/connections\/(\w+)\/revoke$/.exec(path);
    const connection = revoked && this.connections.find((one) => one.id === revoked[1]);
    if (!connection) return { status: 404, body: { error: "connection_not_found", message: "No such connection." } };
    connection.state = "revoking";
    return { body: { connection } };
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    if (!request.url.startsWith(BROKER)) return this.elsewhere(request);
    if (request.credentials !== "include") throw new TypeError("the broker needs the person's cookie");
    const text = await request.text();
    const asked: Asked = {
      method: request.method,
      path: new URL(request.url).pathname,
      body: text ? JSON.parse(text) : undefined,
      authorization: request.headers.get("authorization"),
    };
    this.asked.push(asked);
    const answer = this.#answer(asked);
    const { path, held } = this.#held ?? {};
    if (path === `${asked.method} ${asked.path}`) await new Promise<void>((go) => held!.push(go));
    if (answer === "network") throw new TypeError("fetch failed");
    return Response.json(answer.body ?? {}, { status: answer.status ?? 200, ...(answer.headers && { headers: answer.headers }) });
  };

  tab(address = `${APP}/page?x=1#y`): Tab {
    return new Tab(this, address);
  }

  environment(tab: Tab): Environment {
    return {
      fetch: this.fetch,
      now: () => this.time,
      wall: () => this.time + this.wallAhead,
      after: (milliseconds, call) => {
        const timer = { at: this.time + milliseconds, call, of: tab };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
      },
      random: () => 0.5,
      secret: () => `secret${++this.#tokens}`,
      exclusively: async (name, work) => {
        const before = this.#locks.get(name);
        const mine = (before ?? Promise.resolve()).then(() => work(before !== undefined));
        const over = mine.catch(() => {}).then(() => void (this.#locks.get(name) === over && this.#locks.delete(name)));
        this.#locks.set(name, over);
        return await mine;
      },
      openChannel: (name) => {
        const all = this.#channels.get(name) ?? new Set();
        this.#channels.set(name, all);
        let own = (_: unknown) => {};
        return {
          // As in a browser: a copy, later, and to the others only.
          post: (message) => {
            const copy = structuredClone(message);
            for (const other of all) if (other !== own) this.#deliver(() => other(copy));
          },
          listen: (listener) => {
            own = (message) => this.#run(tab, () => listener(message));
            all.add(own);
          },
          close: () => all.delete(own),
        };
      },
      page: {
        url: () => tab.address,
        go: (url) => tab.left.push(url),
        rename: (url) => void (tab.address = url),
        open: (url) => (tab.opened.push(url), tab.opensWindows),
        closeWindow: () => void (tab.closed = true),
        show: (sentence) => void (tab.shown = sentence),
        writeCookie: (line) => {
          tab.cookies.push(line);
          const [, name, value] = /^(\w+)=([^;]*)/.exec(line)!;
          this.jar.set(name!, { value: value!, ends: this.time + 1000 * Number(/Max-Age=(\d+)/.exec(line)![1]) });
        },
        readCookie: (name) => {
          const kept = this.jar.get(name);
          return kept && kept.ends > this.time ? kept.value : undefined;
        },
        isVisible: () => tab.visible,
        onReturn: (listener) => (tab.returns.add(listener), () => tab.returns.delete(listener)),
        onLeave: (listener) => (tab.leaving.add(listener), () => tab.leaving.delete(listener)),
        read: (name) => tab.store.get(name) ?? null,
        write: (name, value) => void (value === null ? tab.store.delete(name) : tab.store.set(name, value)),
      },
    };
  }
}

export class Tab {
  left: string[] = [];
  opened: string[] = [];
  cookies: string[] = [];
  shown: string | null = null;
  closed = false;
  visible = true;
  opensWindows = true;
  returns = new Set<(wasAway: boolean) => void>();
  leaving = new Set<() => void>();
  store = new Map<string, string>();
  readonly attache: Attache;

  constructor(
    readonly world: World,
    public address: string,
    store?: Map<string, string>,
  ) {
    if (store) this.store = store;
    this.attache = createAttache({ url: BROKER, environment: world.environment(this) });
  }

  /** Leaves the page for another one in the same tab. */
  turn(): Tab {
    for (const listener of [...this.leaving]) listener();
    this.attache.close();
    return new Tab(this.world, this.address, this.store);
  }

  /** The person looks at it again. */
  comeBack(wasAway = false): void {
    this.visible = true;
    for (const listener of [...this.returns]) listener(wasAway);
  }
}

export function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.`;
}

export function claimsOf(token: string | null): any {
  return JSON.parse(Buffer.from(token!.split(".")[1]!, "base64url").toString());
}
