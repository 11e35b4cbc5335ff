// Owns a whole world for a journey: a broker on a fresh database, a foreign issuer, a content platform, one app,
// and what people do there over and over (sign in, connect, stop). Asserts only that each step arrived.
import assert from 'node:assert/strict';
import { Broker, freePorts, until } from './attache.mjs';
import { ContentPlatform } from './content_platform.mjs';
import { Issuer, audience } from './issuer.mjs';
import { Person } from './person.mjs';

export const project = 'cmaz8u024000b07w2o46szn1y';
export const app = 'content-writer';
const secrets = {
  attache: 'sign-in-client-secret-0123456789',
  [app]: 'content-writer-client-secret-0123456789',
  'another-app': 'another-app-client-secret-0123456789',
};

const secretOf = (key) => secrets[key] ?? `${key}-client-secret-0123456789`;

const config = (issuer, content, more, templates, environments) => () => ({
  outbound: { allow_origins: [new URL(issuer).origin, new URL(content).origin] },
  sign_in: { issuer: 'foreign', client_id: 'attache', client_secret: secrets.attache, client_auth: 'basic' },
  issuers: {
    foreign: {
      name: 'Foreign issuer',
      issuer,
      profile: 'auth0',
      audience_parameter: 'resource',
      revocation_reach: 'grant',
      scope_descriptions: { 'content:write': 'Create and change content' },
    },
  },
  apps: {
    [app]: {
      name: 'Content Writer',
      description: 'Creates content entries from Slack workflows',
      home_page: 'https://writer.example',
      kind: 'native',
      issuer: 'foreign',
      client_id: app,
      client_secret: secrets[app],
      client_auth: 'body',
      scopes: ['openid', 'profile', 'email', 'offline_access', 'content:write'],
      audience,
      authorization_url_extras: { prompt: 'consent' },
      accepted_audiences: [audience],
    },
    // Nobody connects it: it is there for callers that may not have what they ask for.
    'another-app': {
      name: 'Another App',
      issuer: 'foreign',
      client_id: 'another-app',
      client_secret: secrets['another-app'],
      scopes: ['openid', 'offline_access'],
    },
    ...Object.fromEntries(
      Object.entries(more).map(([key, said]) => [
        key,
        { issuer: 'foreign', client_id: key, client_secret: secretOf(key), scopes: ['openid', 'offline_access'], authorization_url_extras: { prompt: 'consent' }, ...said },
      ]),
    ),
  },
  environments: {
    'demo-master': {
      project,
      environment: 'master',
      content_api_url: content,
      strategy: 'mint',
      apps: [app, ...Object.keys(more).filter((key) => more[key].direct)],
      accounts: 'any',
      template: Object.keys(templates)[0],
    },
    ...environments,
  },
  templates,
});

export class World {
  #ends = [];

  /**
   * @param {() => Promise<{url?: string, drop: () => Promise<void>}>} makeDatabase one of `databases`
   * @param {Record<string, object>} more apps by key, with what is particular to each
   * @param {Record<string, object>} templates by name; the first is the one of the environment
   * @param {Record<string, object>} environments more of them, by key
   * @param {{host?: string, at?: string, sections?: object, habits?: Function, pages?: Record<string, string>}} place where browsers
   * find the broker, more of its configuration, other habits of the issuer, and the pages of apps that sign people in by themselves
   */
  static async start(makeDatabase, more = {}, templates = {}, environments = {}, place = {}) {
    const world = new World();
    try {
      await world.#rise(makeDatabase, more, templates, environments, place);
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async #rise(makeDatabase, more, templates, environments, { sections = {}, habits, pages = {}, ...place }) {
    const database = await makeDatabase();
    this.#ends.push(() => database.drop());
    const port = await freePorts(2);
    const url = `http://127.0.0.1:${port}`;
    const issuer = habits?.(url).name ?? url;
    this.content = await ContentPlatform.start(port + 1, `/v2/${project}/master`);
    this.#ends.push(() => this.content.stop());
    // The broker starts before its issuer does: an issuer that is away is no reason not to start.
    const configure = () => ({ ...config(issuer, this.content.url, more, templates, environments)(), ...sections });
    this.broker = await Broker.start(database.url, configure, place);
    this.#ends.push(() => this.broker.stop());
    this.content.trust(this.broker.url);
    const client = (key) => {
      const callback = `${this.broker.url}/connect/${key}/callback`;
      const page = pages[key];
      if (page) return { client_id: key, token_endpoint_auth_method: 'none', redirect_uris: [callback, page] };
      return { client_id: key, client_secret: secretOf(key), redirect_uris: [callback] };
    };
    const clients = [
      { ...client('attache'), token_endpoint_auth_method: 'client_secret_basic', redirect_uris: [`${this.broker.url}/sign-in/callback`] },
      ...[app, ...Object.keys(more)].map(client),
    ];
    this.issuer = await Issuer.start(port, clients, port, habits);
    this.#ends.push(() => this.issuer.stop());
    // After a try that failed there is a pause, and people are told to come back.
    await until('the broker to reach its issuer', async () => {
      const answer = await fetch(`${this.broker.machineRoom}/readyz`);
      return (await answer.json()).status === 'ready';
    });
    this.caller = await this.broker.caller('content-writer-function', app);
  }

  async signIn(someone = new Person()) {
    const home = await someone.open(this.broker.url);
    const page = await this.issuer.walk(someone, await someone.follow(home, /^sign in$/i));
    assert.equal(page.status, 200, page.words);
    assert.equal(page.url.pathname, '/account/connected-apps', page.words);
    this.lastPage = page;
    return someone;
  }

  /** Connects an app; answers with the connection's id. */
  async connect(someone, key = app) {
    const before = await this.connections(someone);
    const asked = await someone.open(`${this.broker.url}/connect/${key}`);
    assert.equal(asked.status, 200, asked.words);
    const page = await this.issuer.walk(someone, await someone.press(asked, /^continue to foreign issuer$/i));
    assert.equal(page.url.origin, this.broker.url);
    assert.equal(page.status, 200, page.words);
    const [connection, ...others] = (await this.connections(someone)).filter((id) => !before.includes(id));
    assert.ok(connection, page.words);
    assert.deepEqual(others, [], 'one app is connected');
    return connection;
  }

  /** The ids behind the links of Connected apps. */
  async connections(someone) {
    const page = await someone.open(`${this.broker.url}/account/connected-apps`);
    assert.equal(page.status, 200, page.words);
    const ids = page.links.map((link) => /^\/account\/connected-apps\/(Et\w+)$/.exec(link.url.pathname)?.[1]);
    return [...new Set(ids.filter(Boolean))];
  }

  async stopAccess(someone, connection) {
    const page = await someone.open(`${this.broker.url}/account/connected-apps/${connection}`);
    const answer = await someone.press(page, /^stop access$/i);
    assert.equal(answer.status, 200, answer.words);
    return answer;
  }

  /** Ends the grant at the issuer and lets the broker find out, so that the connection needs its person. */
  async losesGrant(connection, key = this.caller.key) {
    const grants = ['authorization_code', 'refresh_token'].flatMap((grant) => this.issuer.granted(app, grant));
    await this.issuer.forget(app, grants.at(-1).given.refresh_token);
    const { state } = await this.slack('apps.auth.external.get', { external_token_id: connection, force_refresh: 'true' }, key);
    assert.equal(state, 'reconnect_required');
  }

  /** One call on Slack's wire, read as its answer. */
  async slack(method, values, key = this.caller.key) {
    const body = new URLSearchParams(values);
    const answer = await fetch(`${this.broker.direct}/api/${method}`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body });
    assert.equal(answer.status, 200);
    return answer.json();
  }

  async stop() {
    for (const end of this.#ends.reverse()) await end();
  }
}
