// Owns the time of the pages of one context, which runs ahead of the broker's, and what they ask for by it: so ten minutes pass in
// seconds, and the API judges each token as if the broker had lived through them too. Asserts nothing.
import { decodeJwt } from 'jose';
import { until } from './attache.mjs';

const STEP = 5_000;

export class PageTime {
  /** Every request for a token, and when it left by the pages' time. */
  asked = [];
  /** The same for those that brought one. */
  given = [];
  #ahead = 0;
  /** By `jti`: how far the pages were ahead when the token was made. */
  #made = new Map();

  /** Pages of the context that are open already must be loaded again. */
  static async over(context, pages) {
    const time = new PageTime();
    time.context = context;
    const isAboutTokens = (request) => request.method() === 'POST' && /\/v1\/session\/tokens/.test(request.url());
    context.on('request', (request) => isAboutTokens(request) && time.asked.push({ at: time.now(), path: new URL(request.url()).pathname }));
    context.on('response', async (response) => {
      const ahead = time.#ahead;
      if (!isAboutTokens(response.request()) || !response.ok()) return;
      const { jwt } = await response.json().catch(() => ({}));
      if (!jwt) return;
      time.#made.set(decodeJwt(jwt).jti, ahead);
      time.given.push({ at: time.now(), path: new URL(response.url()).pathname });
    });
    pages.timeOf = (token) => time.#of(token);
    await context.clock.install();
    return time;
  }

  now() {
    return Date.now() + this.#ahead;
  }

  /** The time by which a token counts: the broker's, and what the pages lived through beyond that since it was made. */
  async #of(token) {
    const { jti } = decodeJwt(token);
    await until(`the answer that brought ${jti}`, () => this.#made.has(jti), 5);
    return Date.now() + this.#ahead - this.#made.get(jti);
  }

  /** Lets time pass, every timer in its turn. `between` happens every few seconds. */
  async pass(seconds, between = () => {}) {
    for (let passed = 0; passed < seconds * 1000; passed += STEP) {
      await this.#runAhead(STEP, () => this.context.clock.runFor(STEP));
      await this.settle();
      await between();
    }
  }

  /** As when a laptop is opened again: what was due happens once, and late. */
  async sleep(seconds) {
    await this.#runAhead(seconds * 1000, () => this.context.clock.fastForward(seconds * 1000));
  }

  /** The same where the clock that never goes back stood still: no timer knows of it. */
  async sleepUnnoticed(seconds) {
    const wall = await this.context.pages()[0].evaluate(() => Date.now());
    await this.#runAhead(seconds * 1000, () => this.context.clock.setSystemTime(wall + seconds * 1000));
  }

  async #runAhead(milliseconds, run) {
    // Before: what leaves meanwhile must be good at the end of it, too.
    this.#ahead += milliseconds;
    await run();
  }

  /** Until no tab asks for a token, or waits for another one that does. */
  async settle() {
    for (const page of this.context.pages()) {
      await page.evaluate(async () => {
        for (;;) {
          const { held, pending } = await navigator.locks.query();
          if (![...held, ...pending].some(({ name }) => name.startsWith('attache '))) return;
        }
      });
    }
  }
}
