// How long a token still lives. Never reads its `exp`: the browser's clock may be wrong by hours.
import type { Environment } from "./environment.js";

/** A token, and when it was asked for. */
export interface Held {
  jwt: string;
  /** Milliseconds from the moment when it was asked for. */
  life: number;
  /** That moment, on both clocks. */
  now: number;
  wall: number;
}

type Clocks = Pick<Environment, "now" | "wall">;

/** The milliseconds that are left, by the clock that moved further: one of them may have stood still while the machine slept. */
export function rest(held: Held, clocks: Clocks): number {
  return held.life - Math.max(clocks.now() - held.now, clocks.wall() - held.wall);
}
