// Owns the world of one issuer's journey: a broker on SQLite configured as docs/issuers.md advises, the issuer behind
// its recorder, a content platform and a browser. Knows no issuer by name, and asserts nothing of what one does.
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Broker, freePorts } from '../journeys/attache.mjs';
import { Browser } from '../journeys/browser.mjs';
import { ContentPlatform } from '../journeys/content_platform.mjs';
import { app, project } from '../journeys/world.mjs';
import { store } from './bring.mjs';
import { Recorder } from './recorder.mjs';
import { Visitor } from './visitor.mjs';

const environment = 'master';
// Milliseconds: an issuer that has just started is slow with its first pages.
const patience = 60_000;

/** The two clients that an operator registers: of Attaché itself, and of the app. */
export const clients = (broker) => [
  { id: 'attache', secret: 'sign-in-client-secret-0123456789', redirectUri: `${broker}/sign-in/callback`, scopes: ['openid', 'profile', 'email'] },
  { id: app, secret: 'content-writer-client-secret-0123456789', redirectUri: `${broker}/connect/${app}/callback`, scopes: ['openid', 'profile', 'email', 'offline_access'] },
];

/** What an operator writes for this issuer and these clients, but for listeners, vault and database. */
export const config = (issuer, url, [signIn, writer], content) => ({
  outbound: { deadline_seconds: patience / 1000, allow_origins: [new URL(url).origin, new URL(content).origin] },
  sign_in: { issuer: issuer.name, client_id: signIn.id, client_secret: signIn.secret, scopes: issuer.signInScopes },
  issuers: { [issuer.name]: { name: issuer.title, issuer: url, ...issuer.profile } },
  apps: { [app]: { name: 'Content Writer', issuer: issuer.name, client_id: writer.id, client_secret: writer.secret, scopes: writer.scopes, ...issuer.app } },
  environments: {
    demo: { project, environment, content_api_url: content, apps: [app], accounts: 'any' },
  },
});

/** A folder for what an issuer writes while it runs; gone with this process at the latest. */
export async function scratch() {
  const folder = await mkdtemp(join(store, 'running-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class World {
  #ends = [];

  static async start(issuer) {
    const world = new World();
    world.issuer = issuer;
    try {
      await world.#rise(issuer);
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async #rise(issuer) {
    const port = await freePorts(4);
    const url = issuer.urlAt(port);
    this.recorder = await this.#keep(Recorder.start(port, port + 1));
    this.content = await this.#keep(ContentPlatform.start(port + 3, `/v2/${project}/${environment}`));
    const folder = await scratch();
    this.#ends.push(() => rm(folder, { recursive: true, force: true }));
    let registered;
    this.broker = await this.#keep(Broker.start(undefined, (broker) => config(issuer, url, (registered = clients(broker)), this.content.url)));
    this.content.trust(this.broker.url);
    this.clients = registered;
    this.server = await this.#keep(issuer.start({ url, port: port + 1, adminPort: port + 2, folder, clients: registered }));
    this.metadata = await (await fetch(`${url.replace(/\/$/, '')}/.well-known/openid-configuration`)).json();
    this.browser = await this.#keep(Browser.start(this.broker.url));
    this.caller = await this.broker.caller('content-writer-function', app);
  }

  async #keep(starting) {
    const started = await starting;
    this.#ends.push(() => started.stop());
    return started;
  }

  /** Somebody with the issuer's test account, at a browser that was never here before. */
  async visitor() {
    const page = await this.browser.open();
    page.setDefaultTimeout(patience);
    return new Visitor(page, this.broker, this.issuer);
  }

  /** One call on Slack's wire, read as its answer. */
  async handOut(connection, values = {}) {
    const answer = await fetch(`${this.broker.url}/api/apps.auth.external.get`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.caller.key}` },
      body: new URLSearchParams({ external_token_id: connection, ...values }),
    });
    return answer.json();
  }

  async exchange(subject_token) {
    const answer = await fetch(`${this.broker.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${this.caller.id}:${this.caller.key}`).toString('base64')}` },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: `${project}/${environment}`,
      }),
    });
    return { status: answer.status, body: await answer.json() };
  }

  /** What the issuer says to a refresh token that the app's client presents now. */
  async refreshAtIssuer(refresh_token) {
    const { id: client_id, secret: client_secret } = this.clients.find(({ id }) => id === app);
    const answer = await fetch(this.metadata.token_endpoint, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id, client_secret }),
    });
    return { status: answer.status, body: await answer.json() };
  }

  async stop() {
    for (const end of this.#ends.reverse()) await end();
  }
}
