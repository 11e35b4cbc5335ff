// Owns Chromium, and what is true of every page of ours that it is shown: it calls no other origin, breaks no
// policy of its own, speaks plainly, and has the bones that screen readers and small screens need.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { freePorts } from './attache.mjs';

const album = fileURLToPath(new URL('screenshots/', import.meta.url));
const flags = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
// Chromium's own sandbox refuses root, which is what containers are.
if (process.getuid() === 0) flags.push('--no-sandbox');

export class Browser {
  /** What pages did that no page may: told by a test of its own. */
  faults = [];
  #contexts = [];

  /**
   * `more` and `less` are flags beyond, and without, those that every browser of a test is given. In a `natural` one all pages are tabs
   * of one person's window, shown and hidden as such; in others each is always shown.
   */
  static async start(home, { more = [], less = [], natural = false } = {}) {
    const browser = new Browser();
    browser.home = home;
    browser.profile = await mkdtemp(join(tmpdir(), 'attache-chromium-'));
    const port = natural ? await freePorts(1) : undefined;
    if (natural) more = [...more, `--remote-debugging-port=${port}`];
    browser.chromium = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [...flags, ...more],
      ignoreDefaultArgs: less,
      env: { ...process.env, HOME: browser.profile, XDG_CONFIG_HOME: browser.profile, XDG_CACHE_HOME: browser.profile },
    });
    if (natural) await browser.#letBe(port);
    mkdirSync(album, { recursive: true });
    return browser;
  }

  /** Playwright tells every page that it is shown and has the focus, but where it is asked not to. */
  async #letBe(port) {
    this.natural = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
  }

  /** A page of a person who was never here before; in a natural browser, of the only one. */
  async open(options = {}) {
    const context = this.natural?.contexts()[0] ?? (await this.chromium.newContext({ viewport: { width: 1280, height: 900 }, ...options }));
    this.#contexts.push(context);
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    this.#watch(page);
    await page.goto(this.home);
    return page;
  }

  #watch(page) {
    const ours = (url) => url?.startsWith(`${this.home}/`);
    page.on('request', (request) => {
      // Going to the issuer is what Continue is for; fetching anything from elsewhere for a page is not.
      if (request.isNavigationRequest() || !ours(page.url()) || ours(request.url()) || request.url().startsWith('data:')) return;
      this.faults.push(`${page.url()} asked for ${request.url()}`);
    });
    page.on('response', (response) => {
      if (ours(response.url()) && response.status() >= 500) this.faults.push(`${response.url()} answered ${response.status()}`);
    });
    page.on('console', (message) => {
      if (ours(page.url()) && ['error', 'warning'].includes(message.type())) this.faults.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.faults.push(`${page.url()}: ${error.message}`));
  }

  /**
   * Photographs a page of ours by day, by night and on the smallest screen, and looks at its bones. One for developers may use
   * their words, and is too long to be photographed whole.
   */
  async photograph(page, name, { forDevelopers = false } = {}) {
    await assertBones(page, forDevelopers);
    // Grounds fade where words change at once: what is looked at is the page at rest.
    const wear = async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
    };
    for (const colorScheme of ['light', 'dark']) {
      await wear(colorScheme);
      await page.screenshot({ path: join(album, `${name}-${colorScheme}.png`), fullPage: !forDevelopers });
      assert.deepEqual(await paleWords(page), [], `${name} is readable in ${colorScheme}`);
    }
    await wear('light');
    const before = page.viewportSize();
    await page.setViewportSize({ width: 320, height: 640 });
    await page.screenshot({ path: join(album, `${name}-320px.png`), fullPage: !forDevelopers });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    await page.setViewportSize(before);
    assert.ok(width <= 320, `${name} is ${width} px wide on a screen of 320`);
  }

  async stop() {
    await this.natural?.close();
    await this.chromium?.close();
    await rm(this.profile, { recursive: true, force: true });
  }
}

async function assertBones(page, forDevelopers) {
  const bones = await page.evaluate(() => {
    const named = (element) =>
      element.getAttribute('aria-label') ||
      element.getAttribute('title') ||
      [...(element.labels ?? [])].map((label) => label.textContent).join('') ||
      document.getElementById(element.getAttribute('aria-labelledby'))?.textContent ||
      element.textContent ||
      element.querySelector('img[alt], svg[aria-label]')?.getAttribute('alt') ||
      '';
    // Technical names may stand in opened details, and only there.
    const said = (element) => {
      if (!element.checkVisibility({ contentVisibilityAuto: true }) || element.matches('details code')) return '';
      return [...element.childNodes].map((node) => (node.nodeType === Node.ELEMENT_NODE ? said(node) : node.textContent)).join(' ');
    };
    const tell = (element) => element.outerHTML.slice(0, 120);
    const levels = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((heading) => Number(heading.tagName[1]));
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    return {
      language: document.documentElement.lang,
      title: document.title.trim(),
      jargon: said(document.body).match(/\b(oauth\d?|openid|tokens?|scopes?|grants?|callers?|client|redirect uri)\b/gi) ?? [],
      viewport: document.querySelector('meta[name=viewport]')?.content ?? '',
      mains: document.querySelectorAll('main').length,
      headings: levels.filter((level) => level === 1).length,
      leaps: levels.filter((level, index) => level > (levels[index - 1] ?? 0) + 1),
      nameless: [...document.querySelectorAll('a[href], button, summary, select, textarea, input:not([type=hidden])')]
        .filter((element) => !named(element).trim())
        .map(tell),
      pictures: [...document.querySelectorAll('img:not([alt])')].map(tell),
      twins: ids.filter((id, index) => ids.indexOf(id) !== index),
      tabbing: [...document.querySelectorAll('[tabindex]')].filter((element) => element.tabIndex > 0).map(tell),
    };
  });
  assert.match(bones.language, /^[a-z]{2}/, `${page.url()} says its language`);
  assert.notEqual(bones.title, '', `${page.url()} has a title`);
  assert.match(bones.viewport, /width=device-width/, `${page.url()} fits small screens`);
  assert.doesNotMatch(bones.viewport, /user-scalable=no|maximum-scale=1\b/, `${page.url()} may be zoomed`);
  if (!forDevelopers) assert.deepEqual(bones.jargon, [], `${page.url()} speaks plainly`);
  assert.equal(bones.mains, 1, `${page.url()} has one main landmark`);
  assert.equal(bones.headings, 1, `${page.url()} has one h1`);
  assert.deepEqual(bones.leaps, [], `${page.url()} skips no heading level`);
  assert.deepEqual(bones.nameless, [], `${page.url()} names every link, button and field`);
  assert.deepEqual(bones.pictures, [], `${page.url()} describes every picture`);
  assert.deepEqual(bones.twins, [], `${page.url()} uses every id once`);
  assert.deepEqual(bones.tabbing, [], `${page.url()} leaves the order of the Tab key alone`);
}

/** Words whose contrast with the nearest painted ground is below WCAG's AA. */
function paleWords(page) {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      return { channels: [red, green, blue], alpha: alpha / 255 };
    };
    const dark = matchMedia('(prefers-color-scheme: dark)').matches && getComputedStyle(document.documentElement).colorScheme.includes('dark');
    const over = (top, bottom) => top.channels.map((value, index) => value * top.alpha + bottom[index] * (1 - top.alpha));
    const ground = (element) => {
      if (!element) return dark ? [18, 18, 18] : [255, 255, 255];
      const own = rgba(getComputedStyle(element).backgroundColor);
      return own.alpha === 1 ? own.channels : over(own, ground(element.parentElement));
    };
    const luminance = (channels) => {
      const [red, green, blue] = channels.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const pale = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const words = walker.currentNode.textContent.trim();
      if (!words || !element.checkVisibility() || element.closest('svg, script, style, [disabled]')) continue;
      const style = getComputedStyle(element);
      const behind = ground(element);
      const [light, less] = [luminance(over(rgba(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
      const size = parseFloat(style.fontSize);
      const enough = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      const contrast = (light + 0.05) / (less + 0.05);
      if (contrast < enough) pale.push(`${contrast.toFixed(2)}: ${words.slice(0, 60)}`);
    }
    return pale;
  });
}
