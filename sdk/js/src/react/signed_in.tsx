// What is shown to whom. Neither shows anything before it is known who is signed in.
import type { ReactNode } from "react";
import { useAttache, useKnown } from "./provider.js";

/** Shows its children to whoever is signed in. */
export function SignedIn({ children }: { children?: ReactNode }) {
  return <>{useKnown(useAttache()).session ? children : null}</>;
}

/** Shows its children where nobody is signed in. */
export function SignedOut({ children }: { children?: ReactNode }) {
  const { isLoaded, session } = useKnown(useAttache());
  return <>{isLoaded && !session ? children : null}</>;
}
