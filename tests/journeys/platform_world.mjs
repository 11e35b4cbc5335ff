// Owns a broker, the pages of a platform on its site, and a browser with third-party cookies off, and what people do there over
// and over. Asserts nothing.
import { createRemoteJWKSet } from 'jose';
import { freePorts } from './attache.mjs';
import { Browser } from './browser.mjs';
import { PlatformPages } from './platform_pages.mjs';
import { World } from './world.mjs';

const site = 'platform.localhost';

export class PlatformWorld {
  /**
   * @param {object} [of] what is particular: `hasura` is said of the template of that name; `behind` is a path of the pages' own
   * origin, in place of a host for the broker; `how` the browser is, as {@link Browser.start} takes it
   */
  static async start(makeDatabase, of = {}) {
    const platform = new PlatformWorld();
    try {
      await platform.#rise(makeDatabase, of);
      return platform;
    } catch (error) {
      await platform.stop();
      throw error;
    }
  }

  async #rise(makeDatabase, { hasura = { claims: { 'x-role': 'user' } }, behind, how }) {
    this.pages = await PlatformPages.start(await freePorts(1), site);
    // Behind a path, the pages' origin need not be listed.
    const place = behind
      ? { at: `${this.pages.web}${behind}` }
      : { host: `attache.${site}`, sections: { session_tokens: { allowed_origins: [this.pages.web] } } };
    this.world = await World.start(makeDatabase, {}, { hasura }, {}, place);
    const { url, direct } = this.world.broker;
    if (behind) this.pages.passOn(behind, new URL(direct).port);
    this.pages.trust(url, createRemoteJWKSet(new URL(`${direct}/.well-known/jwks.json`)));
    this.browser = await Browser.start(url, { more: ['--test-third-party-cookie-phaseout'], ...how });
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

  /** One more tab of the same browser, at a page of the platform. */
  async another(page, path = '/') {
    const tab = await page.context().newPage();
    await tab.goto(this.pages.web + path);
    return tab;
  }

  /** What the API says to a request that a page makes with its token. */
  callApi(page) {
    return page.evaluate(async (api) => {
      const answer = await fetch(api, { headers: { Authorization: `Bearer ${await Attache.session.getToken()}` } });
      return [answer.status, await answer.json()];
    }, `${this.pages.api}/foo`);
  }

  async stop() {
    await this.browser?.stop();
    await this.world?.stop();
    await this.pages?.stop();
  }
}
