// What the foreign issuer does as an Auth0 tenant does it, where a single-page app sees it: its name, its addresses, `audience`,
// requests from pages, and an answer to a frame. Serves nothing.

export const auth0Habits = (url) => ({
  name: `${url}/`,
  settings: {
    routes: { authorization: '/authorize', token: '/oauth/token', revocation: '/oauth/revoke', userinfo: '/userinfo', jwks: '/.well-known/jwks.json' },
    clientBasedCORS: () => true,
  },
  features: { webMessageResponseMode: { enabled: true, ack: 'individual-draft-01' } },
  async before(context, next) {
    const { audience, ...query } = context.query;
    if (context.path === '/authorize' && audience) context.query = { ...query, resource: audience };
    await next();
  },
});
