// The apps that the person has connected. Keeps no list.
import type { Ask } from "./broker.js";
import type { Tabs } from "./tabs.js";
import type { OwnConnection, OwnConnections, StoppedConnection } from "./wire.js";

/** An app that the person has connected. */
export interface Connection {
  /** `Et…` */
  id: string;
  app: { key: string; name: string };
  /**
   * `active`; `needs_reconnect` where only the person can mend it; `backoff` and `in_doubt`, which mend themselves; `misconfigured`, the
   * operator's to mend; `revoking` and `revoked` once it is over. There may be others.
   */
  state: "active" | "needs_reconnect" | "backoff" | "in_doubt" | "misconfigured" | "revoking" | "revoked" | (string & {});
  /** Seconds since 1970. */
  connectedAt: number;
  /** Seconds since 1970; null where it was never used. */
  lastUsedAt: number | null;
}

export interface Connections {
  /** The live ones, the last used first. */
  list(): Promise<Connection[]>;
  revoke(id: string): Promise<Connection>;
  /** Calls when the list may have changed, in whatever tab. Gives back how to stop it. */
  subscribe(listener: () => void): () => void;
  /** The list has changed. */
  changed(): void;
}

export function readConnections(ask: Ask, tabs: Tabs): Connections {
  const listeners = new Set<() => void>();
  const call = () => {
    for (const listener of [...listeners]) listener();
  };
  tabs.hear((message) => message.kind === "connections" && call());
  const changed = () => {
    tabs.tell({ kind: "connections" });
    call();
  };
  return {
    changed,
    async list() {
      const { connections }: OwnConnections = await ask("GET", "/v1/session/connections");
      return connections.map(parse);
    },
    async revoke(id) {
      const { connection }: StoppedConnection = await ask("POST", `/v1/session/connections/${encodeURIComponent(id)}/revoke`, {});
      changed();
      return parse(connection);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function parse(said: OwnConnection): Connection {
  const { id, app, state, connected_at: connectedAt, last_used_at: lastUsedAt = null } = said;
  return { id, app, state, connectedAt, lastUsedAt };
}
