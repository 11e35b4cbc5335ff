// The documents' own snippets, with the import changed, `export` where a test needs it, and nothing else.
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
import useAsyncSWR from "./documents/async_swr.js";
import useFetch from "./documents/fetch.jsx";
import useFetch2022 from "./documents/fetch_2022.jsx";
import useClerkQuery from "./documents/react_query_2022.jsx";
import useSameOriginFetch from "./documents/same_origin_fetch.jsx";
import useSameOriginSWR from "./documents/same_origin_swr.js";
import { MyComponent as SameOriginComponent } from "./documents/same_origin_tanstack.js";
import useClerkSWR from "./documents/swr.jsx";
import useClerkSWR2022 from "./documents/swr_2022.jsx";
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

/** No other test's answers. */
const OwnCache = ({ children }: { children: React.ReactNode }) => <SWRConfig value={{ provider: () => new Map() }}>{children}</SWRConfig>;

for (const [name, useFetchOf] of Object.entries({ "fetch in a hook": useFetch, "fetch in a hook (2022)": useFetch2022 })) {
  test(name, async () => {
    function Page() {
      const authenticatedFetch = useFetchOf();
      const [name, setName] = useState("");
      useEffect(() => void authenticatedFetch("/api/foo").then((foo: any) => setName(foo.name)), []);
      return <p>{name}</p>;
    }
    const { text, seen, bearer } = await shown(<Page />);
    assert.equal(text, "Foo");
    assert.ok(seen.length > 0 && seen.every(({ authorization }) => authorization === bearer));
  });
}

for (const [name, useSWROf] of Object.entries({ SWR: useClerkSWR, "SWR (2022)": useClerkSWR2022 })) {
  test(`${name}, once for one key`, async () => {
    function Page() {
      return <p>{(useSWROf("/api/foo").data as any)?.name}</p>;
    }
    const { text, seen, bearer } = await shown(<OwnCache><Page /></OwnCache>);
    assert.equal(text, "Foo");
    assert.deepEqual(seen, [{ url: "/api/foo", authorization: bearer }]);
  });
}

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

/** What `shown` gave, where nothing but the cookie says who asks. */
function assertCookieOnly({ seen, bearer, cookies }: Awaited<ReturnType<typeof shown>>) {
  assert.ok(seen.length > 0 && seen.every(({ url, authorization }) => url === "/api/foo" && authorization === null));
  assert.ok(cookies.some((line) => line.startsWith(`attache_session=${bearer.slice("Bearer ".length)};`)));
}

test("a plain fetch in a hook needs no more than the cookie", async () => {
  const names: Promise<any>[] = [];
  function Page() {
    const authenticatedFetch = useSameOriginFetch();
    useEffect(() => void names.push(authenticatedFetch.then((own: any) => own("/api/foo"))), []);
    return null;
  }
  assertCookieOnly(await shown(<Page />));
  assert.equal((await names[0]).name, "Foo");
});

test("a plain fetch with SWR needs no more than the cookie", async () => {
  // The document's hook is an async function, so what it gives comes a moment later.
  function Page() {
    const [name, setName] = useState("");
    useSameOriginSWR("/api/foo").then(({ data }: any) => setName(data?.name));
    return <p>{name}</p>;
  }
  const page = await shown(<OwnCache><Page /></OwnCache>);
  assert.equal(page.text, "Foo");
  assertCookieOnly(page);
});

test("a plain fetch with TanStack Query needs no more than the cookie", async () => {
  const client = new QueryClient5();
  const page = await shown(
    <Provider5 client={client}>
      <SameOriginComponent />
    </Provider5>,
  );
  assert.equal(page.text, "Foo");
  assertCookieOnly(page);
  client.clear();
});

/** Runs the lines of a plain page, for which `Attache` is a global name. */
async function run(snippet: string) {
  const world = new World();
  const tab = world.tab();
  const seen = backend(() => ({}));
  new Function("Attache", readFileSync(`test/documents/${snippet}.js`, "utf8"))(tab.attache);
  await world.settle();
  return { seen, tab };
}

for (const snippet of ["global_session", "global_session_2022"]) {
  test(`a plain page with the global session (${snippet})`, async () => {
    const { seen, tab } = await run(snippet);
    assert.deepEqual(seen, [{ url: "/api/foo", authorization: `Bearer ${await tab.attache.session.getToken()}` }]);
  });
}

test("a plain page with a plain fetch", async () => {
  assert.deepEqual((await run("same_origin")).seen, [{ url: "/api/foo", authorization: null }]);
});
