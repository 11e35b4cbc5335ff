// React with TanStack Query: the token is asked for where the request is made.
import { AttacheProvider, SignedIn, SignedOut, useAuth, useUser } from "@attache/client/react";
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";

const { attache, api } = document.body.dataset;

function SignIn() {
  const { signIn } = useAuth();
  return <button onClick={() => signIn()}>Sign in</button>;
}

function Home() {
  const { user } = useUser();
  const { getToken, signOut } = useAuth();
  const { data, error } = useQuery({
    queryKey: ["foo"],
    queryFn: async () => {
      const answer = await fetch(`${api}/foo`, { headers: { Authorization: `Bearer ${await getToken()}` } });
      if (!answer.ok) throw new Error(`The API answered ${answer.status}.`);
      return await answer.json();
    },
    retry: 2,
  });
  return (
    <>
      <p>Signed in as <b id="who">{user?.name}</b></p>
      <p>The API says: <output id="api">{error ? error.message : data?.user}</output></p>
      <button onClick={() => signOut()}>Sign out</button>
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <QueryClientProvider client={new QueryClient()}>
    <AttacheProvider url={attache}>
      <SignedIn><Home /></SignedIn>
      <SignedOut><SignIn /></SignedOut>
    </AttacheProvider>
  </QueryClientProvider>,
);
