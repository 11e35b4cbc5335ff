// What the tabs of one origin tell each other. Only pages of the same origin hear it. Never asks the broker.
import type { Environment } from "./environment.js";

export type Message =
  /** A token that a tab was given, for all of them. `spent` is its age in milliseconds when it was told. */
  | { kind: "token"; session: string; key: string; jwt: string; life: number; spent: number; wall: number }
  /** A tab has come, or is back: whoever holds tokens tells them. */
  | { kind: "tokens-wanted" }
  /** Who is signed in has changed. */
  | { kind: "session"; id: string | null }
  | { kind: "connections" }
  /** A window came back from the connect page. */
  | { kind: "connect"; state: string; connection: string | null; error: string | null; description: string | null }
  /** Somebody waited for that. */
  | { kind: "connect-heard"; state: string };

export interface Tabs {
  tell(message: Message): void;
  /** Gives back how to stop it. */
  hear(listener: (message: Message) => void): () => void;
  close(): void;
}

export function joinTabs(url: string, env: Environment): Tabs {
  const channel = env.openChannel(`attache ${url}`);
  const listeners = new Set<(message: Message) => void>();
  channel.listen((message) => {
    for (const listener of [...listeners]) listener(message as Message);
  });
  let isOpen = true;
  return {
    // An answer may come in after the end.
    tell: (message) => void (isOpen && channel.post(message)),
    hear(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      isOpen = false;
      channel.close();
    },
  };
}
