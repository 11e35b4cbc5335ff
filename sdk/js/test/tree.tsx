// Renders a tree against a world, and takes the requests that it makes to its own backend. Promises nothing itself.
import { StrictMode, type ReactNode, act } from "react";
import { createRoot } from "react-dom/client";
import { AttacheProvider, type AttacheProviderProps } from "../src/react.js";
import type { Tab, World } from "./world.js";

export interface Seen {
  url: string;
  authorization: string | null;
}

export interface Tree {
  text(): string;
  container: HTMLElement;
  settle(): Promise<void>;
  show(node: ReactNode): Promise<void>;
  end(): Promise<void>;
}

/** From here on plain `fetch` is answered by `answer`. */
export function backend(answer: (url: string) => unknown): Seen[] {
  const seen: Seen[] = [];
  globalThis.fetch = async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    seen.push({ url, authorization: new Headers(init?.headers).get("authorization") });
    return Response.json(answer(url));
  };
  return seen;
}

export async function grow(world: World, tab: Tab, node: ReactNode): Promise<Tree> {
  return await plant(world, { attache: tab.attache }, node);
}

/** The same with what the provider is given. */
export async function plant(world: World, provider: AttacheProviderProps, node: ReactNode): Promise<Tree> {
  const container = document.createElement("div");
  document.body.append(container);
  const root = createRoot(container);
  const settle = () => act(() => world.settle());
  const show = async (shown: ReactNode) => {
    await act(async () =>
      root.render(
        <StrictMode>
          <AttacheProvider {...provider}>{shown}</AttacheProvider>
        </StrictMode>,
      ),
    );
    await settle();
  };
  await show(node);
  return {
    container,
    settle,
    show,
    text: () => container.textContent ?? "",
    end: () => act(async () => root.unmount()),
  };
}
