// `dist/attache.js`: the global `Attache` for a plain page, `<script src="attache.js" data-url="https://attache.example.com">`.
// Nothing imports it.
import { type Attache, createAttache } from "./attache.js";

declare global {
  interface Window {
    Attache: Attache;
  }
}

window.Attache = createAttache({ url: document.currentScript?.dataset.url ?? "" });
