// Asks the broker as a caller. Keeps no token.
import { type Ask, askBroker } from "../broker.js";
import { surroundings } from "../environment.js";
import { brokerUrl, type Caller } from "./settings.js";

export function askAs(caller: Caller, authorization: string): Ask {
  const env = surroundings();
  if (caller.fetch) env.fetch = caller.fetch;
  return askBroker(brokerUrl(caller), env, { headers: { Authorization: authorization } });
}
