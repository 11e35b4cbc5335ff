// `@attache/client/react`: what a React app may import. Holds nothing itself.
export { ConnectButton, type ConnectButtonProps } from "./react/connect_button.js";
export { ConnectedApps, type ConnectedAppsProps, type ConnectedAppsWords } from "./react/connected_apps.js";
export { type Auth, type ConnectionsValue, type SessionValue, type UserValue, useAuth, useConnections, useSession, useUser } from "./react/hooks.js";
export { AttacheProvider, type AttacheProviderProps, useAttache } from "./react/provider.js";
export { SignedIn, SignedOut } from "./react/signed_in.js";
