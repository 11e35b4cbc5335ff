// The documents' own snippets, with the import changed and nothing else.
import "./dom.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { QueryClient as QueryClient5, QueryClientProvider as Provider5 } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { QueryClient as QueryClient3, QueryClientProvider as Provider3 } from "react-query";
import { SWRConfig } from "swr";
import { SignedIn } from "../src/react.js";
import useAsyncFetch from "./documents/async_fetch.jsx";
import useAsyncSWR from "./documents/async_swr.jsx";
import useFetch from "./documents/fetch_2022.jsx";
import useClerkQuery from "./documents/react_query_2022.jsx";
import useSameOriginSWR from "./documents/same_origin_swr.jsx";
import useClerkSWR from "./documents/swr_2022.jsx";
import { MyComponent } from "./documents/tanstack.js";
import { backend, grow } from "./tree.js";
import { World } from "./world.js";

/** Shows the page of a signed-in person; gives its text, what its backend saw, and the token that it should have seen. */
async function shown(page: React.ReactNode) {
  const world = new World();
  const tab = world.tab();
  const seen = backend(() => ({ id: "1", name: "Foo" }));
  const tree = await grow(world, tab, <SignedIn>{page}</SignedIn>);
  await tree.settle();
  const text = tree.text();
  const token = await tab.attache.session.getToken();
  await tree.settle();
  await tree.end();
  return { text, seen, bearer: `Bearer ${token}`, cookies: tab.cookies };
}

test("fetch in a hook (2022)", async () => {
  function Page() {
    const authenticatedFetch = useFetch();
    const [name, setName] = useState("");
    useEffect(() => void authenticatedFetch("/api/foo").then((foo: any) => setName(foo.name)), []);
    return <p>{name}</p>;
  }
  const { text, seen, bearer } = await shown(<Page />);
  assert.equal(text, "Foo");
  assert.ok(seen.length > 0 && seen.every(({ authorization }) => authorization === bearer));
});

test("SWR (2022), once for one key", async () => {
  function Page() {
    return <p>{(useClerkSWR("/api/foo").data as any)?.name}</p>;
  }
  const page = (
    <SWRConfig value={{ provider: () => new Map() }}>
      <Page />
    </SWRConfig>
  );
  const { text, seen, bearer } = await shown(page);
  assert.equal(text, "Foo");
  assert.deepEqual(seen, [{ url: "/api/foo", authorization: bearer }]);
});

test("react-query 3 (2022), once for one key", async () => {
  function Page() {
    return <p>{(useClerkQuery("/api/foo").data as any)?.name}</p>;
  }
  const client = new QueryClient3();
  const page = (
    <Provider3 client={client}>
      <Page />
    </Provider3>
  );
  const { text, seen, bearer } = await shown(page);
  assert.equal(text, "Foo");
  assert.deepEqual(seen, [{ url: "/api/foo", authorization: bearer }]);
  client.clear();
});

test("TanStack Query, once for one key", async () => {
  const client = new QueryClient5();
  const page = (
    <Provider5 client={client}>
      <MyComponent />
    </Provider5>
  );
  const { text, seen, bearer } = await shown(page);
  assert.equal(text, "Foo");
  assert.deepEqual(seen, [{ url: "/api/foo", authorization: bearer }]);
  client.clear();
});

test("the hook that is an async function gives a fetch with the token", async () => {
  const seenByHook: Promise<any>[] = [];
  function Page() {
    seenByHook.push(useAsyncFetch());
    return null;
  }
  const { seen, bearer } = await shown(<Page />);
  assert.deepEqual(await (await seenByHook[0])("/api/foo"), { id: "1", name: "Foo" });
  assert.equal(seen.at(-1)!.authorization, bearer);
});

test("the SWR hook that awaits before it calls useSWR is refused by React, whoever gives the token", async () => {
  const outcomes: Promise<unknown>[] = [];
  const silent = console.error;
  console.error = () => {};
  function Page() {
    outcomes.push(useAsyncSWR("/api/foo").then(() => "well", (error: Error) => error.message));
    return null;
  }
  await shown(<Page />);
  const outcome = await outcomes[0];
  console.error = silent;
  assert.notEqual(outcome, "well");
});

test("a plain fetch to the app's own backend needs no more than the cookie", async () => {
  function Page() {
    return <p>{(useSameOriginSWR("/api/foo").data as any)?.name}</p>;
  }
  const page = (
    <SWRConfig value={{ provider: () => new Map() }}>
      <Page />
    </SWRConfig>
  );
  const { text, bearer, cookies } = await shown(page);
  assert.equal(text, "Foo");
  assert.ok(cookies.some((line) => line.startsWith(`attache_session=${bearer.slice("Bearer ".length)};`)));
});

test("a plain page with the global session", async () => {
  const world = new World();
  const tab = world.tab();
  const seen = backend(() => ({}));
  const snippet = readFileSync("test/documents/global_session.js", "utf8");
  new Function("Attache", snippet)(tab.attache);
  await world.settle();
  assert.deepEqual(seen, [{ url: "/api/foo", authorization: `Bearer ${await tab.attache.session.getToken()}` }]);
});
