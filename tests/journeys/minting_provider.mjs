// Another issuer that mints the same kind of token: npm's oidc-provider, for the benchmark to stand beside. Prints its port.
import http from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
const key = { ...(await exportJWK(privateKey)), alg: 'EdDSA', use: 'sig' };
const audience = 'https://content.bench.test/bench/master';
const resource = { scope: 'content:read', audience, accessTokenTTL: 86400, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'EdDSA' } } };
const provider = new Provider('http://127.0.0.1', {
  jwks: { keys: [key] },
  clients: [
    { client_id: 'bench', client_secret: 's3cret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [], id_token_signed_response_alg: 'EdDSA' },
  ],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: { enabled: true, defaultResource: () => audience, getResourceServerInfo: () => resource },
  },
});
const answer = provider.callback();
const server = http.createServer((request, response) => {
  // The bench knows the names of headers in lower case only.
  const set = response.setHeader.bind(response);
  response.setHeader = (name, value) => set(name.toLowerCase(), value);
  return answer(request, response);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
