// The hooks. What they give is the same object until what it says changes, and its functions never change, so effects and keys
// may depend on them. None asks the broker by itself but useConnections.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Attache, SignOutOptions } from "../attache.js";
import type { Connection } from "../connections.js";
import type { AttacheError } from "../errors.js";
import type { User } from "../presence.js";
import type { GetToken } from "../tokens.js";
import { useAttache, useKnown } from "./provider.js";

interface Known {
  /** False until it is known who is signed in. */
  isLoaded: boolean;
  isSignedIn: boolean;
  /** A token that is good now, or null where nobody is signed in. Call it before every request. */
  getToken: GetToken;
}

export interface Auth extends Known {
  /** `ac_…`, or null. */
  userId: string | null;
  /** `se_…`, or null. */
  sessionId: string | null;
  signIn: Attache["signIn"];
  signOut: (options?: SignOutOptions) => Promise<void>;
}

export interface SessionValue extends Known {
  /** `expiresAt` is in seconds since 1970. */
  session: { id: string; expiresAt: number; getToken: GetToken } | null;
}

export interface UserValue extends Known {
  user: User | null;
}

export interface ConnectionsValue {
  connections: Connection[];
  /** True until the first answer. */
  isLoading: boolean;
  /** Why the list could not be read the last time. */
  error: AttacheError | null;
  /** Stops an app. Final at once. */
  revoke: (connectionId: string) => Promise<Connection>;
  /** Reads the list again. */
  reload: () => Promise<void>;
}

export function useAuth(): Auth {
  const attache = useAttache();
  const { isLoaded, session, user } = useKnown(attache);
  const [sessionId, userId] = [session?.id ?? null, user?.id ?? null];
  return useMemo(
    () => ({
      isLoaded,
      isSignedIn: sessionId !== null,
      userId,
      sessionId,
      getToken: attache.session.getToken,
      signIn: attache.signIn,
      signOut: attache.signOut,
    }),
    [attache, isLoaded, sessionId, userId],
  );
}

export function useSession(): SessionValue {
  const attache = useAttache();
  const { isLoaded, session } = useKnown(attache);
  return useMemo(() => {
    const { getToken } = attache.session;
    return { isLoaded, isSignedIn: session !== null, session: session && { ...session, getToken }, getToken };
  }, [attache, isLoaded, session]);
}

export function useUser(): UserValue {
  const attache = useAttache();
  const { isLoaded, user } = useKnown(attache);
  return useMemo(
    () => ({ isLoaded, isSignedIn: user !== null, user, getToken: attache.session.getToken }),
    [attache, isLoaded, user],
  );
}

type Read = Pick<ConnectionsValue, "connections" | "isLoading" | "error">;

export function useConnections(): ConnectionsValue {
  const attache = useAttache();
  const { isLoaded, user } = useKnown(attache);
  const userId = user?.id ?? null;
  const [read, setRead] = useState<Read>({ connections: [], isLoading: true, error: null });
  const latest = useRef(0);

  const reload = useCallback(async () => {
    if (!isLoaded) return;
    const mine = ++latest.current;
    const outcome = userId === null ? [] : await attache.connections().catch((error: AttacheError) => error);
    // A later call knows better.
    if (mine !== latest.current) return;
    if (Array.isArray(outcome)) setRead({ connections: outcome, isLoading: false, error: null });
    else setRead((before) => ({ ...before, isLoading: false, error: outcome }));
  }, [attache, isLoaded, userId]);

  useEffect(() => {
    void reload();
    const stop = attache.subscribeConnections(() => void reload());
    return () => {
      // What is under way is of another person, or of a component that is gone.
      latest.current++;
      stop();
    };
  }, [attache, reload]);

  return useMemo(() => ({ ...read, revoke: attache.revoke, reload }), [read, attache, reload]);
}
