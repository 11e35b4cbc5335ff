// A workflow function in the shape of Slack's SDK. It publishes an entry at a third-party API in the name of the person who
// connected the app. Whoever runs it gives it a `client` that asks Attaché: Slack's own, with the API key of a caller as its
// token and `slackApiUrl` set to https://attache.example.com/api/.
import { DefineFunction, Schema, SlackFunction } from "deno-slack-sdk/mod.ts";

export const PublishFunction = DefineFunction({
  callback_id: "publish_function",
  title: "Publish an entry",
  description: "Publishes an entry in the name of the person who connected the app",
  source_file: "publish_function.ts",
  input_parameters: {
    properties: {
      // The id of a connection, `Et…`.
      external_token: { type: Schema.slack.types.oauth2, oauth2_provider_key: "content-writer" },
      title: { type: Schema.types.string },
      user_id: { type: Schema.slack.types.user_id },
      channel_id: { type: Schema.slack.types.channel_id },
    },
    required: ["external_token", "title", "user_id", "channel_id"],
  },
  output_parameters: {
    properties: { entry_id: { type: Schema.types.string } },
    required: ["entry_id"],
  },
});

export default SlackFunction(PublishFunction, async ({ inputs, client, env }) => {
  const told = await client.apps.auth.external.get({ external_token_id: inputs.external_token });
  if (!told.ok) {
    if (told.state === "reconnect_required") {
      const text = `Please connect the app again: ${told.connect_url}`;
      await client.chat.postEphemeral({ channel: inputs.channel_id, user: inputs.user_id, text });
    }
    return { error: `There is no token: ${told.state ?? told.error}` };
  }

  const answer = await fetch(env.API_URL, {
    method: "POST",
    headers: { Authorization: `Bearer ${told.external_token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ title: inputs.title }),
  });
  if (!answer.ok) return { error: `The API answered ${answer.status}` };
  const { id } = await answer.json();
  await client.chat.postMessage({ channel: inputs.channel_id, text: `Published as ${id}` });
  return { outputs: { entry_id: id } };
});
