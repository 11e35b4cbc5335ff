// What a page with Hasura promises, whichever Apollo it uses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ComponentType, type ReactNode, act } from "react";
import { SignedIn } from "../src/react.js";
import { backend, grow } from "./tree.js";
import { World, claimsOf } from "./world.js";

type Query = () => { data?: { name: string }; refetch: () => Promise<unknown> };

export function promiseHasura(sentence: string, Wrapper: ComponentType<{ children: ReactNode }>, useNames: Query): void {
  test(sentence, async () => {
    const world = new World();
    const seen = backend(() => ({ data: { name: "Foo" } }));
    let refetch: () => Promise<unknown>;
    function Names() {
      const query = useNames();
      refetch = query.refetch;
      return <p>{query.data?.name}</p>;
    }
    const tree = await grow(
      world,
      world.tab(),
      <SignedIn>
        <Wrapper>
          <Names />
        </Wrapper>
      </SignedIn>,
    );
    await tree.settle();
    assert.equal(tree.text(), "Foo");
    world.sleep(120_000);
    await act(() => refetch());
    await tree.settle();
    const tokens = seen.map(({ authorization }) => authorization!.slice("Bearer ".length));
    assert.ok(tokens.every((token) => claimsOf(token).template === "hasura"));
    assert.notEqual(tokens.at(-1), tokens[0]);
    assert.ok(seen.length <= 4, `${seen.length} requests`);
    await tree.end();
  });
}
