// `@attache/client`: what a page may import. Holds nothing itself.
export { createAttache, type Attache, type AttacheOptions, type SignOutOptions } from "./attache.js";
export type { Fetch, FetchInit } from "./authenticated_fetch.js";
export type { ConnectOptions } from "./connect.js";
export type { Connection } from "./connections.js";
export type { Channel, Environment, Exclusively, Page } from "./environment.js";
export { AttacheError, type AttacheErrorCode } from "./errors.js";
export type { State, User } from "./presence.js";
export type { GetToken, GetTokenOptions } from "./tokens.js";
