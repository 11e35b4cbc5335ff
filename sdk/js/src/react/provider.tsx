// The Attaché of a React tree, and what it knows right now. Closes what it made itself once no tree uses it.
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { type Attache, createAttache } from "../attache.js";
import { AttacheError } from "../errors.js";
import { type State, UNLOADED } from "../presence.js";

const Context = createContext<Attache | null>(null);

interface Shared {
  attache: Attache;
  trees: number;
}

// One for each broker and page: React may begin to render a tree more than once.
const shared = new Map<string, Shared>();

export interface AttacheProviderProps {
  /** The broker's public URL. It or `attache` is needed. */
  url?: string;
  /** One that you made yourself by `createAttache()`, and close yourself. */
  attache?: Attache;
  children?: ReactNode;
}

/** Gives the hooks and components below it their Attaché. */
export function AttacheProvider({ url = "", attache, children }: AttacheProviderProps) {
  const made = attache ? null : sharedFor(url);
  const [, renderAgain] = useState(0);
  useEffect(() => {
    if (!made) return;
    // A tree that was hidden for a while comes back without being rendered.
    if (shared.get(url) !== made) return renderAgain((times) => times + 1);
    made.trees++;
    return () => {
      made.trees--;
      // React may put the same tree up again in the same breath.
      queueMicrotask(() => closeUnused(url, made));
    };
  }, [url, made]);
  return <Context.Provider value={attache ?? made!.attache}>{children}</Context.Provider>;
}

function sharedFor(url: string): Shared {
  const known = shared.get(url);
  if (known) return known;
  const made = { attache: createAttache({ url }), trees: 0 };
  // A server renders for many people.
  if (typeof window !== "undefined") shared.set(url, made);
  return made;
}

function closeUnused(url: string, made: Shared): void {
  if (made.trees > 0 || shared.get(url) !== made) return;
  shared.delete(url);
  made.attache.close();
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
