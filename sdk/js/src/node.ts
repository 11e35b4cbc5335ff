// `@attache/client/node`: what a backend may import. Holds nothing itself.
export { AttacheError, type AttacheErrorCode } from "./errors.js";
export {
  authenticateRequest,
  type Authenticated,
  type AuthenticateOptions,
  type Handshake,
  type SignedIn,
  type SignedOut,
  type SignedOutReason,
} from "./node/authenticate_request.js";
export type { Auth, MiddlewareOptions } from "./node/answer.js";
export { expressAuth, type WithAuth } from "./node/express.js";
export { exchange, type Exchanged, type ExchangeOptions } from "./node/exchange.js";
export { type ExternalToken, type ExternalTokenOptions, getExternalToken } from "./node/external_token.js";
export { withAuth } from "./node/fetch_handler.js";
export type { RequestLike } from "./node/request_headers.js";
export type { Broker, Caller } from "./node/settings.js";
export { type Claims, TokenRefused, type TokenReason, type VerifyOptions, verifyToken } from "./node/verify_token.js";
