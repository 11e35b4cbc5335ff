// A document for React, before React is loaded. Promises nothing itself.
import { Window } from "happy-dom";

const window = new Window({ url: "https://app.example.com/page" });
for (const [name, value] of Object.entries({ window, document: window.document, location: window.location, navigator: window.navigator, IS_REACT_ACT_ENVIRONMENT: true })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
