// Owns the three names that functions import of it; runs nothing and calls nobody.

/** @param {object} definition what a manifest would be told; the function's run does not read it */
export const DefineFunction = (definition) => ({ definition });

export const Schema = {
  types: { string: 'string' },
  slack: {
    types: {
      oauth2: 'slack#/types/credential/oauth2',
      string: 'slack#/types/string',
      channel_id: 'slack#/types/channel_id',
      user_id: 'slack#/types/user_id',
    },
  },
};

/** Slack's runtime calls the handler with `{ inputs, client }`; so do the tests. */
export const SlackFunction = (definition, handler) => Object.assign((context) => handler(context), definition);
