// Owns a broker, the pages of a platform on its site, and a browser with third-party cookies off, and what people do there over
// and over. Asserts nothing.
import { createRemoteJWKSet } from 'jose';
import { freePorts } from './attache.mjs';
import { Browser } from './browser.mjs';
import { PlatformPages } from './platform_pages.mjs';
import { World } from './world.mjs';

const site = 'platform.localhost';

export class PlatformWorld {
  static async start(makeDatabase) {
    const platform = new PlatformWorld();
    try {
      await platform.#rise(makeDatabase);
      return platform;
    } catch (error) {
      await platform.stop();
      throw error;
    }
  }

  async #rise(makeDatabase) {
    this.pages = await PlatformPages.start(await freePorts(1), site);
    const sections = { session_tokens: { allowed_origins: [this.pages.web] } };
    const templates = { hasura: { claims: { 'x-role': 'user' } } };
    this.world = await World.start(makeDatabase, {}, templates, {}, { host: `attache.${site}`, sections });
    const { url, direct } = this.world.broker;
    this.pages.trust(url, createRemoteJWKSet(new URL(`${direct}/.well-known/jwks.json`)));
    this.browser = await Browser.start(url, ['--test-third-party-cookie-phaseout']);
  }

  /** Answers the issuer's questions until it lets go. */
  walk(page) {
    return this.world.issuer.walkIn(page);
  }

  /** Does what leads to the issuer, signs in there, and is back at this address. */
  async through(page, begin, back) {
    await Promise.all([page.waitForURL((url) => url.origin !== this.pages.web), begin()]);
    await this.walk(page);
    await page.waitForURL(back);
  }

  /** A page of the platform with somebody signed in. */
  async signedIn() {
    const page = await this.browser.open();
    await page.goto(this.pages.web);
    await this.through(page, () => page.evaluate(() => void Attache.signIn()), `${this.pages.web}/`);
    return page;
  }

  async stop() {
    await this.browser?.stop();
    await this.world?.stop();
    await this.pages?.stop();
  }
}
