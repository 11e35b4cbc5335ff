// Tabs of one platform in a real browser, through ten minutes: one request for a token each time that it is about to run out,
// however many tabs there are and whenever they were opened, and no token that ran out.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tellOnFailure } from './attache.mjs';
import { databases } from './databases.mjs';
import { PageTime } from './page_time.mjs';
import { PlatformWorld } from './platform_world.mjs';

describe('Tabs of a platform', () => {
  let platform, first, time;
  before(async () => {
    platform = await PlatformWorld.start(databases.SQLite);
    first = await platform.signedIn();
    time = await PageTime.over(first.context(), platform.pages);
    await first.reload();
    await platform.callApi(first);
  });
  tellOnFailure(() => platform?.world?.broker.log);
  after(() => platform?.stop());

  /** Ten minutes in which every tab calls the API again and again. */
  const tenMinutes = async (tabs, late) => {
    const from = time.asked.length;
    const judged = platform.pages.judged.length;
    let steps = 0;
    let isLate = late !== undefined;
    await time.pass(600, async () => {
      steps += 1;
      // When a token has just come: to load a page takes time as well.
      if (isLate && steps > 40 && time.now() - time.asked.at(-1).at < 6_000) {
        isLate = false;
        tabs.push(await late());
      }
      if (steps % 3 === 0) await Promise.all(tabs.map((tab) => platform.callApi(tab)));
    });
    const said = platform.pages.judged.slice(judged);
    assert.equal(isLate, false);
    assert.ok(said.length >= 80, `${said.length} calls`);
    assert.deepEqual(said.filter(([status]) => status !== 200), [], 'no token that ran out');
    return time.asked.slice(from).map(({ at }) => at);
  };
  /** A token lives for a minute and is renewed 15 seconds before its end, which a step may round. */
  const assertOneEach = (moments) => {
    const gaps = moments.slice(1).map((at, index) => Math.round((at - moments[index]) / 1000));
    assert.ok(gaps.every((gap) => gap >= 39 && gap <= 56), `seconds between requests: ${gaps}`);
    assert.ok(moments.length >= 11 && moments.length <= 15, `${moments.length} requests`);
  };

  test('two tabs ask once each time together', async () => {
    const second = await platform.another(first);
    assertOneEach(await tenMinutes([first, second]));
    await second.close();
  });

  test('a tab that is opened later takes the token of the others', async () => {
    const second = await platform.another(first);
    const moments = await tenMinutes([first, second], async () => {
      const before = time.asked.length;
      const third = await platform.another(first);
      const [status] = await platform.callApi(third);
      assert.deepEqual([status, time.asked.length - before], [200, 0]);
      return third;
    });
    assertOneEach(moments);
  });

  test('a sign-out in one of them ends it in all', async () => {
    const tabs = first.context().pages();
    assert.equal(tabs.length, 3);
    await tabs[1].evaluate(() => Attache.signOut({ local: true }));
    for (const tab of tabs) {
      await tab.waitForFunction(() => Attache.state.isLoaded && Attache.state.user === null);
      assert.equal(await tab.evaluate(() => Attache.session.getToken()), null);
    }
    const names = (await first.context().cookies(platform.pages.web)).map((cookie) => cookie.name);
    assert.deepEqual(names.filter((each) => each.startsWith('attache_')), []);
  });

  test('broke no page of ours', () => assert.deepEqual(platform.browser.faults, []));
});
