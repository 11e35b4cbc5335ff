// Asks the broker, and asks again where that may help. Keeps no answer.
import type { Environment } from "./environment.js";
import { AttacheError, fromAnswer } from "./errors.js";

/** One request to a path of the broker. Gives the JSON of a good answer. The body is JSON or a form. */
export type Ask = (method: string, path: string, body?: object | URLSearchParams) => Promise<any>;

/** As a page, by the person's cookie at the broker. */
const BY_COOKIE: RequestInit = { mode: "cors", credentials: "include", cache: "no-store" };

const TRIES = 4;
const FIRST_PAUSE = 500;
/** A longer wait is the caller's to decide on. */
const LONGEST_PAUSE = 10_000;
const PATIENCE = 10_000;

export function askBroker(url: string, env: Environment, how: RequestInit = BY_COOKIE): Ask {
  // What Retry-After said counts for every request, not for the one that heard it.
  let notBefore = { at: 0, error: undefined as AttacheError | undefined };

  return async (method, path, body) => {
    for (let tries = 1; ; tries++) {
      const wait = notBefore.at - env.now();
      if (wait > LONGEST_PAUSE && notBefore.error) throw notBefore.error;
      if (wait > 0) await pause(env, wait);

      const failed = await once(url, env, how, method, path, body);
      if ("answer" in failed) return failed.answer;
      const { error } = failed;

      const asked = (error.retryAfter ?? 0) * 1000;
      if (asked > 0) notBefore = { at: env.now() + asked, error };
      if (!worthTrying(error) || tries === TRIES || asked > LONGEST_PAUSE) throw error;
      const backOff = FIRST_PAUSE * 2 ** (tries - 1);
      await pause(env, asked + backOff * (0.5 + env.random() / 2));
    }
  };
}

/** Another 4xx would be the same again. */
function worthTrying({ status }: AttacheError): boolean {
  return status === undefined || status >= 500 || status === 429;
}

async function once(url: string, env: Environment, how: RequestInit, method: string, path: string, body?: object): Promise<{ answer: any } | { error: AttacheError }> {
  const hangUp = new AbortController();
  const stop = env.after(PATIENCE, () => hangUp.abort());
  try {
    const request: RequestInit = { ...how, method, signal: hangUp.signal };
    if (body instanceof URLSearchParams) request.body = body;
    else if (body) {
      request.headers = { ...how.headers, "Content-Type": "application/json" };
      request.body = JSON.stringify(body);
    }
    const answer = await env.fetch(url + path, request);
    const read = await answer.json().catch(() => undefined);
    if (answer.ok && read !== undefined) return { answer: read };
    if (answer.ok) return { error: new AttacheError("unavailable", `${url} answered with no JSON. Check the \`url\` of createAttache().`, { status: answer.status }) };
    return { error: fromAnswer(answer.status, read, retryAfter(answer, read, env)) };
  } catch (cause) {
    const message =
      `No answer from ${url} that can be read here. Check the network and the broker's \`url\`. A page's origin must be in ` +
      "the broker's `session_tokens.allowed_origins`.";
    return { error: new AttacheError("network", message, { cause }) };
  } finally {
    stop();
  }
}

/** Seconds. The header may hold a date instead (RFC 9110 section 10.2.3). */
function retryAfter(answer: Response, body: any, env: Environment): number | undefined {
  const header = answer.headers.get("retry-after");
  const seconds = header === null ? Number(body?.retry_after ?? NaN) : Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(header ?? "");
  return Number.isNaN(date) ? undefined : Math.max(0, (date - env.wall()) / 1000);
}

function pause(env: Environment, milliseconds: number): Promise<void> {
  return new Promise((resolve) => void env.after(milliseconds, resolve));
}
