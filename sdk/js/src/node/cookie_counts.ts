// Whether a cookie alone authenticates a request. Browsers send it along with requests that other pages make, so it counts only
// where none did. As at the broker's own gate, and a `Referer` of another origin counts against it too.
import type { Said } from "./request_headers.js";

export function cookieCounts({ origin, isSafe, isPage, site, destination, from, referer }: Said): boolean {
  // Somebody opened a page, from wherever.
  if (isSafe && destination === "document") return true;
  if (site === "same-origin") return from === null || from === origin;
  if (site === "none") return isSafe && from === null;
  if (site !== null) return false;
  if (from !== null) return from === origin;
  // A browser of before, or no browser. It may change nothing, as nobody says which page asked.
  return isSafe && (isPage || referer === null || isOf(referer, origin));
}

function isOf(address: string, origin: string): boolean {
  return URL.canParse(address) && new URL(address).origin === origin;
}
