// Owns the client that Slack hands to a function: it answers with an error where the Node client throws it. Messages are Slack's
// own business; the broker has no channels, so they are kept here.
import { WebAPIPlatformError, WebClient } from '@slack/web-api';

/** A client that asks this broker with this API key, and keeps what it posts in `messages`. */
export function slackClient(broker, key, messages) {
  const web = new WebClient(key, { slackApiUrl: `${broker}/api/`, retryConfig: { retries: 0 } });
  const told = (error) => {
    if (error instanceof WebAPIPlatformError) return error.data;
    throw error;
  };
  const keep = async (message) => messages.push(message);
  return {
    apps: { auth: { external: { get: (values) => web.apiCall('apps.auth.external.get', values).catch(told) } } },
    chat: { postMessage: keep, postEphemeral: keep },
  };
}
