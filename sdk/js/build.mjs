// Builds the package and its tests, and prints the size of each entry. Never publishes.
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
rmSync("test/build", { recursive: true, force: true });

const shared = { bundle: true, minify: true, sourcemap: true, target: "es2022", outdir: "dist", legalComments: "none" };
await build({
  ...shared,
  entryPoints: ["src/index.ts", "src/react.ts"],
  format: "esm",
  platform: "browser",
  splitting: true,
  chunkNames: "core-[hash]",
  external: ["react", "react/jsx-runtime"],
  // Next.js reads it: hooks belong to the client.
  banner: { js: '"use client";' },
});
await build({ ...shared, entryPoints: ["src/node.ts"], format: "esm", platform: "node", external: ["jose"] });
await build({ ...shared, entryPoints: { attache: "src/page.ts" }, format: "iife", platform: "browser" });
execFileSync("node", ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: "inherit" });

const tests = {
  bundle: true,
  outdir: "test/build",
  outExtension: { ".js": ".cjs" },
  format: "cjs",
  platform: "node",
  target: "node20",
  jsx: "automatic",
  sourcemap: "inline",
  alias: { "@attache/client/react": "./src/react.ts" },
  // One React for all of them.
  external: ["react", "react-dom", "react-dom/*", "react/*", "happy-dom", "express"],
  logLevel: "warning",
};
const names = readdirSync("test").filter((name) => /\.test\.tsx?$/.test(name));
const [apollo3, others] = [names.filter((name) => name.startsWith("apollo_3")), names.filter((name) => !name.startsWith("apollo_3"))];
await build({ ...tests, entryPoints: others.map((name) => `test/${name}`) });
await build({ ...tests, entryPoints: apollo3.map((name) => `test/${name}`), alias: { ...tests.alias, "@apollo/client": "apollo-client-3" } });

const files = readdirSync("dist").filter((name) => name.endsWith(".js"));
console.log("entry".padEnd(24), "raw".padStart(8), "gzip".padStart(8));
for (const name of files) {
  const bytes = readFileSync(`dist/${name}`);
  console.log(name.padEnd(24), String(bytes.length).padStart(8), String(gzipSync(bytes, { level: 9 }).length).padStart(8));
}
