// Owns a person with an account at an issuer, at a real browser: fills in who they are, says yes, and does at the
// broker what people do there. Asserts only that each step arrived.
import assert from 'node:assert/strict';
import { app } from '../journeys/world.mjs';

export class Visitor {
  /** @param {object} at the issuer: its `manners` are the fields of its pages, what to fill in, and the words that say yes */
  constructor(page, broker, at) {
    Object.assign(this, { page, broker, at });
  }

  /** Answers the issuer's pages until it lets go. */
  async walk() {
    const { username, login, password, yes } = this.at.manners;
    for (let asked = 0; asked < 10; asked += 1) {
      await this.page.waitForLoadState();
      if (this.#isHome()) return;
      if (await this.page.locator(username).count()) {
        await this.page.locator(username).fill(login);
        if (password) await this.page.locator('input[type=password]').fill(password);
      }
      const button = this.page.getByRole('button', { name: yes }).first();
      if (!(await button.isVisible())) assert.fail(`nothing to press at ${this.page.url()}: ${await this.#words()}`);
      await Promise.all([this.page.waitForEvent('framenavigated'), button.click()]);
    }
    assert.fail(`the issuer asked ten times, the last time at ${this.page.url()}: ${await this.#words()}`);
  }

  #isHome() {
    return new URL(this.page.url()).origin === this.broker.url;
  }

  async #words() {
    return (await this.page.locator('body').innerText()).replace(/\s+/g, ' ');
  }

  async #assertAt(path) {
    assert.match(new URL(this.page.url()).pathname, path, await this.#words());
  }

  async signIn() {
    await this.page.goto(this.broker.url);
    await this.page.getByRole('link', { name: 'Sign in', exact: true }).click();
    await this.walk();
    await this.#assertAt(/^\/account\/connected-apps$/);
  }

  /** Connects the app, or renews what is connected; answers with the connection's id. */
  async connect() {
    await this.page.goto(`${this.broker.url}/connect/${app}`);
    await this.page.getByRole('button', { name: /^Continue to / }).click();
    await this.page.waitForURL((url) => url.pathname !== `/connect/${app}`);
    await this.walk();
    const said = await this.#words();
    await this.page.goto(`${this.broker.url}/account/connected-apps`);
    const links = await this.page.locator('main a[href^="/account/connected-apps/Et"]').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    const ids = new Set(links.map((link) => link.split('/').at(-1)));
    assert.equal(ids.size, 1, `one connection of one app: ${said}`);
    return [...ids][0];
  }

  /** Stops the app; answers with what the page promised before, and said after. */
  async stopAccess(connection) {
    await this.page.goto(`${this.broker.url}/account/connected-apps/${connection}`);
    await this.page.locator('summary', { hasText: 'Stop access' }).click();
    const promised = await this.#words();
    await this.page.locator('form[action$="/revoke"]').getByRole('button', { name: 'Stop access' }).click();
    await this.page.getByRole('heading', { name: 'Receipt' }).waitFor();
    return { promised, receipt: await this.#words() };
  }
}
