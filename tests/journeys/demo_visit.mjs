// Owns what a person does in the demo when no screen is needed: sign in, connect the one app, and read the demo's
// terminal for what it then offers.
import assert from 'node:assert/strict';
import { until } from './attache.mjs';
import { Person } from './person.mjs';
import { app } from './world.mjs';

export class DemoVisit {
  someone = new Person();

  constructor(demo) {
    this.demo = demo;
  }

  /** Signs in as the sandbox's person with this button, connects, and waits for the terminal's curl lines. */
  async connect(who) {
    const before = this.demo.commands.length;
    const home = await this.someone.open(this.demo.url);
    await this.#walk(await this.someone.follow(home, /^sign in$/i), who);
    const asked = await this.someone.open(`${this.demo.url}/connect/${app}`);
    const page = await this.#walk(await this.someone.press(asked, /^continue to /i), who);
    assert.equal(page.status, 200, page.words);
    const commands = await until('the demo to print its curl lines', () => this.demo.commands.slice(before).length && this.demo.commands.slice(before));
    const printed = commands.join('\n');
    const key = /\bak_\w+/.exec(printed)?.[0];
    const connection = /\bEt\w+/.exec(printed)?.[0];
    assert.ok(key && connection, printed);
    return { key, connection };
  }

  async #walk(page, who) {
    while (page.url.origin === this.demo.issuer) {
      const asksWho = page.forms.some((form) => form.buttons.some((button) => who.test(button.text)));
      page = await this.someone.press(page, asksWho ? who : /^allow$/i);
    }
    return page;
  }
}
