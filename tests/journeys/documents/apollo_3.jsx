// A page around the Hasura document's own snippet, as it stands, for Apollo Client 3.
import { gql, useQuery } from '@apollo/client';
import { AttacheProvider, SignedIn, SignedOut, useAuth } from '@attache/client/react';
import { createRoot } from 'react-dom/client';
import { ApolloProviderWrapper } from '../../../sdk/js/test/documents/apollo_3.jsx';

function Notes() {
  const { data, error, refetch } = useQuery(gql`{ allNotes { nodes { id words } } }`);
  return (
    <>
      <ul id="notes">{data?.allNotes.nodes.map(({ id, words }) => <li key={id}>{words}</li>)}</ul>
      {error && <p role="alert">{error.message}</p>}
      <button onClick={() => refetch()}>Look again</button>
    </>
  );
}

function SignIn() {
  const { signIn } = useAuth();
  return <button onClick={() => signIn()}>Sign in</button>;
}

createRoot(document.getElementById('root')).render(
  <AttacheProvider url={document.body.dataset.attache}>
    <SignedIn><ApolloProviderWrapper><Notes /></ApolloProviderWrapper></SignedIn>
    <SignedOut><SignIn /></SignedOut>
  </AttacheProvider>,
);
