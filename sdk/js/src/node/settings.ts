// Where the broker is and who asks: from the call, or from the process's environment. Stores nothing.
import { AttacheError } from "../errors.js";

export interface Broker {
  /** The broker's public URL. Default: the environment variable `ATTACHE_URL`. */
  url?: string;
}

export interface Caller extends Broker {
  /** `ak_…`. Default: the environment variable `ATTACHE_API_KEY`. */
  apiKey?: string;
  /** For tests. */
  fetch?: typeof fetch;
}

/** @throws {@link AttacheError} `invalid_options` where there is neither. */
export function setting(given: string | undefined, name: string): string {
  const value = given ?? process.env[name];
  if (value) return value;
  throw new AttacheError("invalid_options", `Give it in the call, or set the environment variable ${name}.`);
}

export function brokerUrl({ url }: Broker): string {
  return setting(url, "ATTACHE_URL").replace(/\/+$/, "");
}
