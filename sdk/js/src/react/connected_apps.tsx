// The list of the apps that the person has connected, each with a way to stop it. Looks like the page that it is on.
import { useState } from "react";
import type { Connection } from "../connections.js";
import { AttacheError } from "../errors.js";
import { ConnectButton } from "./connect_button.js";
import { useConnections } from "./hooks.js";

/** Every word of the list, for another language. */
export interface ConnectedAppsWords {
  none: string;
  stop: string;
  keep: string;
  again: string;
  confirm: (app: string) => string;
  since: (date: Date) => string;
}

const ENGLISH: ConnectedAppsWords = {
  none: "No app is connected.",
  stop: "Stop access",
  keep: "Keep it",
  again: "Connect again",
  confirm: (app) => `${app} loses its access at once.`,
  since: (date) => `Connected on ${date.toLocaleDateString()}`,
};

export interface ConnectedAppsProps {
  className?: string;
  words?: Partial<ConnectedAppsWords>;
}

export function ConnectedApps({ className, words }: ConnectedAppsProps) {
  const { connections, isLoading, error, revoke } = useConnections();
  const [asked, setAsked] = useState<string | null>(null);
  const [failed, setFailed] = useState<AttacheError | null>(null);
  const say = { ...ENGLISH, ...words };
  const trouble = failed ?? error;

  const stop = async (id: string) => {
    setAsked(null);
    setFailed(null);
    await revoke(id).catch(setFailed);
  };
  return (
    <section className={className} aria-busy={isLoading}>
      {trouble && <p role="alert">{trouble.message}</p>}
      {!isLoading && !trouble && connections.length === 0 && <p>{say.none}</p>}
      <ul>
        {connections.map((connection) => (
          <li key={connection.id}>
            <strong>{connection.app.name}</strong> <Since {...{ connection, say }} />{" "}
            {connection.state === "needs_reconnect" && <ConnectButton app={connection.app.key}>{say.again}</ConnectButton>}{" "}
            {asked === connection.id ? (
              <>
                {say.confirm(connection.app.name)}{" "}
                <button type="button" autoFocus onClick={() => void stop(connection.id)}>
                  {say.stop}
                </button>{" "}
                <button type="button" onClick={() => setAsked(null)}>
                  {say.keep}
                </button>
              </>
            ) : (
              <button type="button" aria-label={`${say.stop}: ${connection.app.name}`} onClick={() => setAsked(connection.id)}>
                {say.stop}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Since({ connection, say }: { connection: Connection; say: ConnectedAppsWords }) {
  const date = new Date(connection.connectedAt * 1000);
  return <time dateTime={date.toISOString()}>{say.since(date)}</time>;
}
