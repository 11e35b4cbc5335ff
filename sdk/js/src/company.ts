// Whether other tabs are likely to hold a token that this one lacks, and for how long their answer is waited for. Holds none.
//
// A Web Lock for as long as a tab lives would say for certain who is there. But it keeps a page out of the back/forward cache.
import { readToken } from "./cookie.js";
import type { Environment } from "./environment.js";
import type { Tabs } from "./tabs.js";

/** Milliseconds that the others have for an answer. */
const ANSWER = 50;
/** Kept in this tab from one page to the next. */
const ALONE = "attache.alone";

export interface Company {
  /** Milliseconds for which an answer is still worth waiting for. `own` is the session's token that this tab holds. */
  patience(own: string | undefined): number;
  close(): void;
}

export function lookForCompany(env: Environment, tabs: Tabs): Company {
  const { page } = env;
  let isAlone = true;
  // The page before this one in the same tab had never heard anybody.
  let wasAlone = page?.read(ALONE) === "1";
  let asked = 0;
  let about: string | undefined;

  function ask(): void {
    asked = env.now();
    about = readToken(env);
    tabs.tell({ kind: "tokens-wanted" });
  }

  const stopHearing = tabs.hear(() => void (isAlone = wasAlone = false));
  const stopLeaving = page?.onLeave(() => page.write(ALONE, isAlone ? "1" : null));
  page?.write(ALONE, null);
  // They answer while the broker says who is signed in, so mostly nobody waits.
  if (page) ask();

  return {
    patience(own) {
      const kept = readToken(env);
      // Every tab that is given a token writes it into the cookie. So one that is not known here is in another tab.
      if (kept === undefined || kept === own) return 0;
      if (kept !== about) {
        wasAlone = false;
        ask();
      }
      return wasAlone ? 0 : Math.max(0, asked + ANSWER - env.now());
    },
    close() {
      stopHearing();
      stopLeaving?.();
    },
  };
}
