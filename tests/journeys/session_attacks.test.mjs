// Pages that are not listed attack `/v1/session…` in the browser of whoever is signed in, with all that a page can send. They are
// given nothing, and nothing changes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure, until } from './attache.mjs';
import { databases } from './databases.mjs';
import { person } from './issuer.mjs';
import { PlatformWorld } from './platform_world.mjs';
import { app } from './world.mjs';

const READ = ['/v1/session', '/v1/session/connections'];

describe('Pages that are not listed', () => {
  let platform, pages, broker, page, state, CHANGE;
  before(async () => {
    platform = await PlatformWorld.start(databases.SQLite);
    ({ pages } = platform);
    broker = platform.world.broker.url;
    page = await platform.signedIn();
    await page.goto(`${broker}/connect/${app}?redirect_uri=${encodeURIComponent(`${pages.web}/`)}&state=1`);
    await page.getByRole('button', { name: /^Continue to / }).click();
    await page.waitForURL((url) => url.origin === platform.world.issuer.url);
    await platform.walk(page);
    await page.waitForURL((url) => url.origin === pages.web);
    state = await whatIs();
    assert.match(state.session.id, /^se_/);
    assert.equal(state.connections.length, 1);
    CHANGE = ['/v1/session/tokens', '/v1/session/tokens/hasura', `/v1/session/connections/${state.connections[0].id}/revoke`];
  });
  tellOnFailure(() => platform?.world?.broker.log);
  after(() => platform?.stop());

  /** What a listed page sees: the control of everything here. */
  const whatIs = async () => {
    const own = await platform.another(page);
    try {
      return await own.evaluate(async () => ({ ...(await Attache.load()), connections: await Attache.connections() }));
    } finally {
      await own.close();
    }
  };

  /** What the broker says from now on that it answered. The browser tells less of what it kept from a page. */
  const answering = () => {
    const { log } = platform.world.broker;
    const from = log.length;
    return () => {
      const lines = platform.world.broker.log.slice(from).matchAll(/method=(\w+) route="(\/v1\/session[^"]*)"[^\n]* answered status=(\d+)/g);
      return [...lines].map(([, method, route, status]) => ({ method, route, status: Number(status) })).filter(({ route }) => !route.endsWith('/handshake'));
    };
  };
  const good = (answers) => answers.filter(({ status }) => status < 400);

  /** A page to attack from, in the same browser. */
  const intrude = async (address, sandboxed) => {
    const tab = await page.context().newPage();
    await tab.goto(address);
    // What the page itself asks is over.
    await tab.evaluate(() => Attache.session.getToken().catch(() => {}));
    if (!sandboxed) return { tab, from: tab.mainFrame() };
    await tab.evaluate(() => {
      const frame = document.createElement('iframe');
      frame.setAttribute('sandbox', 'allow-scripts allow-forms allow-popups');
      frame.srcdoc = '<!doctype html><title>null</title><p>';
      document.body.append(frame);
    });
    const from = await until('the frame', () => tab.frames().find((frame) => frame.url() === 'about:srcdoc'));
    await from.waitForLoadState();
    return { tab, from };
  };

  const port = () => new URL(pages.web).port;
  const intruders = {
    'of the same site': () => [pages.unlisted],
    'whose name looks like that of a listed one': () => [`http://web-login.platform.localhost:${port()}`],
    'below a name that begins like a listed one': () => [`http://web.platform.localhost.elsewhere.localhost:${port()}`],
    'of another site': () => [pages.elsewhere],
    'in a frame without an origin, on a listed page': () => [pages.web, true],
  };

  for (const [who, where] of Object.entries(intruders)) {
    test(`${who} read nothing and change nothing, by requests of their own, by elements and by forms`, async () => {
      const { tab, from } = await intrude(...where());
      const answers = answering();
      const said = await from.evaluate(async ({ broker, READ, CHANGE, back }) => {
        const outcome = (asked) => asked.then((answer) => `${answer.type} ${answer.status}`, (error) => error.name);
        const all = [...READ.map((path) => ['GET', path]), ...CHANGE.map((path) => ['POST', path])];
        const said = { cors: [], noCors: [], loaded: [] };
        for (const [method, path] of [...all, ['DELETE', '/v1/session']]) {
          for (const headers of [{}, { 'Content-Type': 'application/json' }]) said.cors.push(await outcome(fetch(broker + path, { method, headers, credentials: 'include' })));
        }
        for (const [method, path] of all) said.noCors.push(await outcome(fetch(broker + path, { method, mode: 'no-cors', credentials: 'include' })));
        const handshake = `${broker}/v1/session/handshake?nonce=1&return_to=${encodeURIComponent(back)}`;
        said.noCors.push(await outcome(fetch(handshake, { mode: 'no-cors', credentials: 'include' })));
        for (const path of READ) {
          for (const tag of ['img', 'script', 'link']) {
            const element = document.createElement(tag);
            const loading = new Promise((resolve) => {
              element.onload = () => resolve('loaded');
              element.onerror = () => resolve('error');
            });
            if (tag === 'link') element.rel = 'stylesheet';
            element[tag === 'link' ? 'href' : 'src'] = broker + path;
            document.body.append(element);
            said.loaded.push(await loading);
          }
        }
        return said;
      }, { broker, READ, CHANGE, back: `${pages.web}/` });
      assert.deepEqual([...new Set(said.cors)], ['TypeError'], 'no answer can be read');
      assert.deepEqual([...new Set(said.noCors)], ['opaque 0'], 'nor where none is asked for');
      assert.deepEqual([...new Set(said.loaded)], ['error'], 'and no answer is a picture, a script or a style');
      await until('all the answers', () => answers().length >= 20);
      assert.deepEqual(good(answers()), [], 'the broker refused each of them');

      const forms = CHANGE.concat('/v1/session').flatMap((path) => ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'].map((enctype) => [path, enctype]));
      const toForms = answering();
      await from.evaluate(({ broker, forms }) => {
        forms.forEach(([path, enctype], index) => {
          const frame = Object.assign(document.createElement('iframe'), { name: `form-${index}` });
          const form = Object.assign(document.createElement('form'), { method: 'post', action: broker + path, enctype, target: frame.name });
          // As text it is JSON.
          form.append(Object.assign(document.createElement('input'), { name: '{"a":"', value: '"}' }));
          document.body.append(frame, form);
          form.submit();
        });
      }, { broker, forms });
      await until('an answer to each form', () => toForms().length >= forms.length);
      assert.deepEqual(good(toForms()), []);
      await tab.close();
      assert.deepEqual(await whatIs(), state);
    });
  }

  test('lead a person to no address that says who they are', async () => {
    const { tab } = await intrude(pages.unlisted);
    for (const path of READ) {
      await Promise.all([tab.waitForURL(broker + path), tab.evaluate((to) => void location.assign(to), broker + path)]);
      const words = await tab.textContent('body');
      assert.match(words, /origin_not_allowed/);
      assert.ok(!words.includes(person.name) && !words.includes('Et'), words);
      await tab.goto(pages.unlisted);
    }
    for (const path of CHANGE) {
      await Promise.all([
        tab.waitForURL(broker + path),
        tab.evaluate((action) => {
          const form = Object.assign(document.createElement('form'), { method: 'post', action, enctype: 'text/plain' });
          document.body.append(form);
          form.submit();
        }, broker + path),
      ]);
      assert.match(await tab.textContent('body'), /origin_not_allowed/);
      await tab.goto(pages.unlisted);
    }
    await tab.close();
    assert.deepEqual(await whatIs(), state);
  });

  test('show no page of ours in a frame, and neither do listed ones', async () => {
    const [{ id }] = state.connections;
    const ours = ['/', '/sign-in', '/account/connected-apps', `/account/connected-apps/${id}`, '/account/sessions', '/account/deleted', `/connect/${app}`, '/sign-in/callback?code=x&state=y', '/v1/session', '/v1/session/handshake', '/none'];
    for (const origin of [pages.unlisted, pages.web]) {
      const { tab } = await intrude(origin);
      await tab.evaluate(({ broker, ours }) => {
        for (const path of ours) document.body.append(Object.assign(document.createElement('iframe'), { src: broker + path }));
      }, { broker, ours });
      const framed = () => tab.frames().slice(1).map((frame) => frame.url());
      await until('every frame', () => framed().length === ours.length && framed().every((url) => url.startsWith('chrome-error:')), 10).catch(() => {});
      assert.deepEqual(framed().filter((url) => !url.startsWith('chrome-error:')), [], origin);
      await tab.close();
    }
  });

  test('are no address that a person is sent on to', async () => {
    const { host } = new URL(pages.web);
    const cookie = (await page.context().cookies(broker)).map(({ name, value }) => `${name}=${value}`).join('; ');
    const control = `/v1/session/handshake?nonce=1&return_to=${encodeURIComponent(`${pages.web}/`)}`;
    const led = await fetch(platform.world.broker.direct + control, { redirect: 'manual', headers: { cookie } });
    assert.match(led.headers.get('location'), /__attache_handshake=ey/, 'a listed address is one');
    const evil = new URL(pages.elsewhere).host;
    const bad = [`http://${evil}/`, `//${evil}/`, `/\\${evil}/`, `http://${host}@${evil}/`, `http://${host}\\@${evil}/`, `http://${host}.${evil}/`, `${pages.unlisted}/`, 'javascript:alert(1)', `data:text/html,x`, `https://${host}/`, `\thttp://${evil}/`];
    for (const address of bad) {
      for (const path of [`/sign-in?return_to=${encodeURIComponent(address)}`, `/v1/session/handshake?nonce=1&return_to=${encodeURIComponent(address)}`, `/connect/${app}?state=1&redirect_uri=${encodeURIComponent(address)}`]) {
        const answer = await fetch(platform.world.broker.direct + path, { redirect: 'manual', headers: { cookie } });
        // Read as a browser reads it.
        const next = new URL(answer.headers.get('location') ?? '', broker);
        assert.equal(next.origin, broker, `${path} leads to ${next}`);
        assert.ok(!`${next}${await answer.text()}`.includes('__attache_handshake'), path);
      }
    }
  });

  test('sign nobody in as somebody else, by a sign-in that another browser began', async () => {
    const attacker = await platform.browser.open();
    let link;
    const devtools = await attacker.context().newCDPSession(attacker);
    devtools.on('Fetch.requestPaused', ({ requestId, request }) => {
      link = request.url;
      return devtools.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' });
    });
    await devtools.send('Fetch.enable', { patterns: [{ urlPattern: `${broker}/sign-in/callback*` }] });
    await attacker.goto(pages.web);
    await attacker.evaluate(() => void Attache.signIn());
    await attacker.waitForURL((url) => url.origin === platform.world.issuer.url);
    platform.walk(attacker).catch(() => {});
    await until('the way back', () => link);
    const stranger = await platform.browser.open();
    for (const victim of [await page.context().newPage(), stranger]) {
      await victim.goto(link);
      assert.equal(new URL(victim.url()).origin, broker, 'it leads nowhere else');
    }
    await stranger.goto(pages.web);
    assert.equal(await stranger.evaluate(async () => (await Attache.load()).user), null);
    assert.deepEqual(await whatIs(), state);
  });

  test('broke no page of ours', () => {
    // A link that leads nowhere is told as an error of the page that it is.
    const faults = platform.browser.faults.filter((fault) => !/status of 4\d\d/.test(fault));
    assert.deepEqual(faults, []);
  });
});
