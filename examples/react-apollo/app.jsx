// React with Apollo Client: each request to a GraphQL API carries a token with Hasura's claims (the template `hasura`).
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { ApolloProvider, useMutation, useQuery } from "@apollo/client/react";
import { AttacheProvider, SignedIn, SignedOut, useAuth, useUser } from "@attache/client/react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const { attache, api } = document.body.dataset;
const NOTES = gql`{ allNotes { nodes { id words } } }`;
const ADD = gql`mutation Add($words: String!) { createNote(input: { note: { words: $words } }) { note { id } } }`;

/** Asks for the token before every request, because it lives for a minute. */
function connected(getToken) {
  const auth = new SetContextLink(async ({ headers }) => {
    const token = await getToken({ template: "hasura" });
    return { headers: { ...headers, authorization: `Bearer ${token}` } };
  });
  return new ApolloClient({ link: ApolloLink.from([auth, new HttpLink({ uri: `${api}/graphql` })]), cache: new InMemoryCache() });
}

/** Within `SignedIn`, so that what one person has read is gone when the next one signs in. */
function Apollo({ children }) {
  const { getToken } = useAuth();
  const [client] = useState(() => connected(getToken));
  return <ApolloProvider client={client}>{children}</ApolloProvider>;
}

function Notes() {
  const { data, error, refetch } = useQuery(NOTES);
  const [add, { error: notAdded }] = useMutation(ADD, { refetchQueries: [NOTES] });
  const problem = error ?? notAdded;
  if (problem) return <p role="alert">{problem.message}</p>;
  if (!data) return <p>Reading the notes</p>;
  return (
    <>
      <ul id="notes">{data.allNotes.nodes.map(({ id, words }) => <li key={id}>{words}</li>)}</ul>
      <form action={(form) => add({ variables: { words: form.get("words") } })}>
        <input name="words" aria-label="A new note" required />
        <button>Add</button>
      </form>
      <button onClick={() => refetch()}>Look again</button>
    </>
  );
}

function Home() {
  const { user } = useUser();
  const { signOut } = useAuth();
  return (
    <Apollo>
      <p>Signed in as <b id="who">{user?.name}</b></p>
      <Notes />
      <button onClick={() => signOut()}>Sign out</button>
    </Apollo>
  );
}

function SignIn() {
  const { signIn } = useAuth();
  return <button onClick={() => signIn()}>Sign in</button>;
}

createRoot(document.getElementById("root")).render(
  <AttacheProvider url={attache}>
    <SignedIn><Home /></SignedIn>
    <SignedOut><SignIn /></SignedOut>
  </AttacheProvider>,
);
