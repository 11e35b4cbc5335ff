// The one Attaché of a React tree, and what it knows right now. Keeps no state of its own.
import { createContext, type ReactNode, useContext, useSyncExternalStore } from "react";
import { type Attache, createAttache } from "../attache.js";
import { AttacheError } from "../errors.js";
import { type State, UNLOADED } from "../presence.js";

const Context = createContext<Attache | null>(null);

// One for each broker and page: React may begin to render a tree more than once.
const shared = new Map<string, Attache>();

export interface AttacheProviderProps {
  /** The broker's public URL. It or `attache` is needed. */
  url?: string;
  /** One that you made yourself by `createAttache()`. */
  attache?: Attache;
  children?: ReactNode;
}

/** Gives the hooks and components below it their Attaché. */
export function AttacheProvider({ url, attache, children }: AttacheProviderProps) {
  return <Context.Provider value={attache ?? sharedFor(url ?? "")}>{children}</Context.Provider>;
}

function sharedFor(url: string): Attache {
  const known = shared.get(url);
  if (known) return known;
  const made = createAttache({ url });
  // A server renders for many people.
  if (typeof window !== "undefined") shared.set(url, made);
  return made;
}

/**
 * The Attaché of the tree, for what has no hook.
 *
 * @throws {@link AttacheError} `invalid_options` outside of `<AttacheProvider>`
 */
export function useAttache(): Attache {
  const attache = useContext(Context);
  if (!attache) throw new AttacheError("invalid_options", "Put the component below <AttacheProvider url=\"https://your-attache\">.");
  return attache;
}

/** What is known about who is signed in. A server knows nothing, and neither does the first render in the browser. */
export function useKnown(attache: Attache): State {
  return useSyncExternalStore(attache.subscribe, () => attache.state, () => UNLOADED);
}
