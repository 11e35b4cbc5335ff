// React with SWR: the token is asked for where the request is made.
import { AttacheProvider, ConnectedApps, SignedIn, SignedOut, useAuth, useUser } from "@attache/client/react";
import { createRoot } from "react-dom/client";
import useSWR from "swr";

const { attache, api } = document.body.dataset;

function SignIn() {
  const { signIn } = useAuth();
  return <button onClick={() => signIn()}>Sign in</button>;
}

function Home() {
  const { user } = useUser();
  const { getToken, signOut } = useAuth();
  const { data, error } = useSWR(`${api}/foo`, async (url) => {
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${await getToken()}` } });
    if (!answer.ok) throw new Error(`The API answered ${answer.status}.`);
    return await answer.json();
  });
  return (
    <>
      <p>Signed in as <b id="who">{user?.name}</b></p>
      <p>The API says: <output id="api">{error ? error.message : data?.user}</output></p>
      <ConnectedApps />
      <button onClick={() => signOut()}>Sign out</button>
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <AttacheProvider url={attache}>
    <SignedIn><Home /></SignedIn>
    <SignedOut><SignIn /></SignedOut>
  </AttacheProvider>,
);
