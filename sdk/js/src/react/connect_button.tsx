// A button that lets the person connect an app. Says nothing itself about how it went.
import { type ButtonHTMLAttributes, useState } from "react";
import type { ConnectOptions } from "../connect.js";
import type { Connection } from "../connections.js";
import { AttacheError } from "../errors.js";
import { useAttache } from "./provider.js";

export interface ConnectButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "onError" | "onClick">, ConnectOptions {
  /** The app's key at the broker. */
  app: string;
  onConnected?: (connection: Connection) => void;
  /** Also for `connect_denied` and `connect_closed`. Without it other errors go to the browser's console. */
  onError?: (error: AttacheError) => void;
}

export function ConnectButton({ app, mode, returnTo, onConnected, onError, children = "Connect", disabled, ...button }: ConnectButtonProps) {
  const attache = useAttache();
  const [isConnecting, setIsConnecting] = useState(false);

  const connect = async () => {
    setIsConnecting(true);
    try {
      onConnected?.(await attache.connect(app, { ...(mode && { mode }), ...(returnTo !== undefined && { returnTo }) }));
    } catch (error) {
      tell(error, onError);
    } finally {
      setIsConnecting(false);
    }
  };
  return (
    <button type="button" {...button} disabled={disabled || isConnecting} onClick={() => void connect()}>
      {children}
    </button>
  );
}

function tell(error: unknown, onError: ConnectButtonProps["onError"]): void {
  const isOurs = error instanceof AttacheError;
  if (isOurs && onError) onError(error);
  // The person's own choice is no error of the page.
  else if (!isOurs || !["connect_denied", "connect_closed"].includes(error.code)) console.error(error);
}
