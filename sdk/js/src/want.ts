// Which token somebody wants, and how the broker is asked for it. The key is the same in every tab.
import { AttacheError } from "./errors.js";

export interface Want {
  /** Empty for the session's own token. */
  key: string;
  path: string;
  body: { resource?: string };
}

const TOKENS = "/v1/session/tokens";

export const OWN: Want = { key: "", path: TOKENS, body: {} };

/** @throws {@link AttacheError} `invalid_options` where no token can be meant */
export function wanted({ template, resource }: { template?: string; resource?: string }): Want {
  if (template !== undefined && resource !== undefined) throw refusal("Give `template` or `resource`, not both.");
  if (template !== undefined) return ofKey(`template ${named(template, "`template` must be the name of a token template.")}`);
  if (resource !== undefined) return ofKey(`resource ${named(resource, "`resource` must be the URL of an API.")}`);
  return OWN;
}

export function ofKey(key: string): Want {
  const end = key.indexOf(" ");
  const name = key.slice(end + 1);
  if (key.startsWith("template ")) return { key, path: `${TOKENS}/${encodeURIComponent(name)}`, body: {} };
  return key.startsWith("resource ") ? { key, path: TOKENS, body: { resource: name } } : OWN;
}

function named(given: unknown, sentence: string): string {
  if (typeof given !== "string" || given === "") throw refusal(sentence);
  return given;
}

function refusal(sentence: string): AttacheError {
  return new AttacheError("invalid_options", sentence);
}
