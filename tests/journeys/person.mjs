// Owns a person at a browser without a screen: cookies, links, forms, redirects, and the Sec-Fetch headers that
// browsers send. Runs no script and judges nothing; the browser journey is where a real browser does this.
import assert from 'node:assert/strict';
import http from 'node:http';

const entities = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&#x27;': "'" };
const unescape = (text) =>
  text
    .replace(/&(?:amp|lt|gt|quot|#39|#x27);/g, (entity) => entities[entity])
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
const text = (html) => unescape(html.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim();

const attributes = (tag) =>
  Object.fromEntries(
    [...tag.matchAll(/([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)]
      .slice(1) // the tag's own name
      .map(([, name, double, single, bare]) => [name.toLowerCase(), unescape(double ?? single ?? bare ?? '')]),
  );

/** One answer, read as a person would: its address, words, links and forms. */
class Page {
  constructor(url, status, headers, body) {
    Object.assign(this, { url: new URL(url), status, headers, body });
  }

  get title() {
    return text(/<title[^>]*>([\s\S]*?)<\/title>/i.exec(this.body)?.[1] ?? '');
  }

  get words() {
    return text(this.body.replace(/<(script|style|head)[\s\S]*?<\/\1>/gi, ' '));
  }

  get links() {
    return [...this.body.matchAll(/(<a\b[^>]*>)([\s\S]*?)<\/a>/gi)].map(([, tag, inner]) => ({
      text: text(inner),
      url: new URL(attributes(tag).href ?? '', this.url),
    }));
  }

  /** Where the page takes people by itself, at once. */
  get onward() {
    const tag = /<meta http-equiv="refresh"[^>]*>/i.exec(this.body)?.[0];
    const to = tag && /^0;\s*url=(.+)$/i.exec(attributes(tag).content ?? '')?.[1];
    return to && new URL(to, this.url);
  }

  get forms() {
    return [...this.body.matchAll(/(<form\b[^>]*>)([\s\S]*?)<\/form>/gi)].map(([, tag, inner]) => {
      const { action = '', method = 'get' } = attributes(tag);
      const inputs = [...inner.matchAll(/<input\b[^>]*>/gi)].map(([input]) => attributes(input));
      const buttons = [...inner.matchAll(/(<button\b[^>]*>)([\s\S]*?)<\/button>/gi)].map(([, button, label]) => ({
        ...attributes(button),
        text: text(label),
      }));
      return { action: new URL(action, this.url), method: method.toUpperCase(), inputs, buttons };
    });
  }
}

const nearness = ['none', 'same-origin', 'same-site', 'cross-site'];

export class Person {
  #cookies = [];

  /** Types an address, or follows a link with `from` the page it stands on. */
  open(url, from) {
    return this.#go({ method: 'GET', url: new URL(url, from?.url), from: from?.url });
  }

  follow(page, words) {
    const link = page.links.find((each) => words.test(each.text));
    assert.ok(link, `no link ${words} on ${page.url.pathname}: ${page.words}`);
    return this.open(link.url, page);
  }

  /** Presses the button whose words match, with the form's hidden values and what the person typed. */
  press(page, words, typed = {}) {
    for (const form of page.forms) {
      const button = form.buttons.find((each) => words.test(each.text));
      if (!button) continue;
      const fields = form.inputs
        .filter((input) => input.name && !/^(submit|button|checkbox|radio)$/.test(input.type ?? ''))
        .map((input) => [input.name, typed[input.name] ?? input.value ?? '']);
      const picked = form.inputs
        .filter((input) => /^(checkbox|radio)$/.test(input.type ?? '') && 'checked' in input)
        .map((input) => [input.name, input.value ?? 'on']);
      const pressed = button.name ? [[button.name, button.value ?? '']] : [];
      const body = new URLSearchParams([...fields, ...picked, ...pressed]);
      const url = new URL(form.action);
      if (form.method === 'GET') {
        url.search = body;
        return this.#go({ method: 'GET', url, from: page.url });
      }
      return this.#go({ method: 'POST', url, from: page.url, body: `${body}` });
    }
    assert.fail(`no button ${words} on ${page.url.pathname}: ${page.words}`);
  }

  async #go({ method, url, from, body }) {
    let near = 'none';
    for (let hop = 0; hop < 20; hop += 1) {
      if (from) near = nearness[Math.max(nearness.indexOf(near), this.#near(from, url))];
      const answer = await this.#request({ method, url, body, near, from });
      this.#keep(url, answer.headers['set-cookie'] ?? []);
      if (![301, 302, 303, 307, 308].includes(answer.status)) {
        const page = new Page(url, answer.status, answer.headers, answer.body);
        if (!page.onward) return page;
        [method, body, from, url] = ['GET', undefined, url, page.onward];
        continue;
      }
      url = new URL(answer.headers.location, url);
      if (answer.status < 307) [method, body] = ['GET', undefined];
    }
    throw new Error(`twenty redirects and no page: ${url.origin}${url.pathname}`);
  }

  #near(from, to) {
    if (from.origin === to.origin) return 1;
    return from.hostname === to.hostname ? 2 : 3;
  }

  /** What the browser would send there. */
  cookie(url) {
    return this.#cookies
      .filter((each) => each.host === url.hostname && (url.pathname === each.path || url.pathname.startsWith(each.path.replace(/\/?$/, '/'))))
      .map((each) => `${each.name}=${each.value}`)
      .join('; ');
  }

  #request({ method, url, body, near, from }) {
    const headers = {
      accept: 'text/html',
      'sec-fetch-site': near,
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'sec-fetch-user': '?1',
      ...(from?.origin === url.origin ? { referer: from.href } : {}),
      ...(method === 'POST' ? { origin: from.origin, 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) } : {}),
    };
    const cookie = this.cookie(url);
    if (cookie) headers.cookie = cookie;
    return new Promise((resolve, reject) => {
      const request = http.request(url, { method, headers, agent: false }, (response) => {
        let read = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (read += chunk));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: read }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  // As browsers do, ports share cookies: only host and path keep them apart.
  #keep(url, lines) {
    for (const line of lines) {
      const [pair, ...rest] = line.split(';').map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf('='));
      const value = pair.slice(name.length + 1);
      const said = Object.fromEntries(rest.map((part) => [part.split('=')[0].toLowerCase(), part.slice(part.indexOf('=') + 1)]));
      const path = said.path ?? '/';
      const gone = said['max-age'] === '0' || said['max-age']?.startsWith('-') || (said.expires && Date.parse(said.expires) < Date.now());
      this.#cookies = this.#cookies.filter((each) => !(each.host === url.hostname && each.path === path && each.name === name));
      if (!gone) this.#cookies.push({ host: url.hostname, path, name, value });
    }
  }
}
