// A single-page app that signs people in at the issuer by itself, with auth0-spa-js, and reads content as them. It gives Attaché
// the access token that it got, and is given a content token. In Attaché it is an app with `direct`.
let auth0Client;
let config;

const at = (id) => document.getElementById(id);

const fetchAuthConfig = () => fetch("auth_config.json");

const configureClient = async () => {
  const response = await fetchAuthConfig();
  config = await response.json();
  auth0Client = await auth0.createAuth0Client({
    domain: config.domain,
    clientId: config.clientId,
    auth0Client: {
      __useTenantInfo: config.isThirdPartyClient,
    },
    authorizationParams: { redirect_uri: home(), audience: config.audience },
  });
};

const home = () => location.origin + location.pathname;

/** Attaché does not take the access token: only the person can change that. */
class Refused extends Error {}

async function graphql(url, token, query, variables) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (answer.status === 401) throw new Refused(errors[0].message);
  if (errors) throw new Error(errors[0].message);
  return data;
}

/** Kept nowhere: it lives for a few minutes, and Attaché gives the same one again meanwhile. */
async function contentToken() {
  const viewer = `query Viewer($project: ID!, $environment: ID!) {
    _viewer { ... on UserViewer { project(id: $project) { environment(id: $environment) { authToken } } } }
  }`;
  const { project, environment } = config;
  const data = await graphql(`${config.attache}/graphql`, await auth0Client.getTokenSilently(), viewer, { project, environment });
  const token = data._viewer.project?.environment?.authToken;
  if (!token) throw new Error(`${project}/${environment} is closed to you.`);
  return token;
}

async function read() {
  at("refused").hidden = true;
  at("problem").textContent = "";
  try {
    const { entries } = await graphql(config.contentApi, await contentToken(), "{ entries { title } }");
    at("entries").replaceChildren(...entries.map(({ title }) => Object.assign(document.createElement("li"), { textContent: title })));
  } catch (error) {
    at("entries").replaceChildren();
    if (error instanceof Refused) return offerToAllow();
    at("problem").textContent = error.message;
  }
}

/** The way back after a stop: the person agrees at Attaché, and comes back for a new access token. */
function offerToAllow() {
  const state = crypto.randomUUID();
  sessionStorage.setItem("allowing", state);
  at("allow").href = `${config.attache}/connect/${config.app}?${new URLSearchParams({ redirect_uri: home(), state })}`;
  at("refused").hidden = false;
}

/** Whether the person comes from there, having agreed. Tokens of before the stop stay refused. */
function hasJustAllowed(query) {
  const state = sessionStorage.getItem("allowing");
  sessionStorage.removeItem("allowing");
  return state !== null && query.get("state") === state && query.has("connection");
}

async function open() {
  await configureClient();
  const signIn = () => auth0Client.loginWithRedirect();
  at("in").onclick = signIn;
  at("read").onclick = read;
  const query = new URLSearchParams(location.search);
  if (hasJustAllowed(query)) return signIn();
  if (query.has("error")) at("problem").textContent = "It was not allowed.";
  if (query.has("code") && query.has("state")) await auth0Client.handleRedirectCallback();
  history.replaceState({}, "", home());
  const user = await auth0Client.getUser();
  at("who").textContent = user ? user.name : "nobody";
  at("in").hidden = Boolean(user);
  at("read").hidden = !user;
  if (user) await read();
}

open().catch((error) => {
  at("problem").textContent = error.message;
});
