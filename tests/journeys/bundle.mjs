// Makes what runs of an example or a document's page, with the packages that are installed for the journeys and the package
// `@attache/client` as it is built. Runs nothing.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from '../../sdk/js/node_modules/esbuild/lib/main.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const built = { '@attache/client/react': here('../../sdk/js/dist/react.js'), '@attache/client/node': here('../../sdk/js/dist/node.js') };

/** The text of a page's one script. `other` names packages that take the place of others. */
export async function forPage(entry, other = {}) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    jsx: 'automatic',
    logLevel: 'error',
    nodePaths: [here('../../sdk/js/node_modules')],
    alias: { ...built, ...other },
  });
  return outputFiles[0].text;
}

/** The path of a program of an example, at a place where Node finds its packages. */
export async function forNode(example, program) {
  const outdir = here(`node_modules/.examples/${example}`);
  await mkdir(outdir, { recursive: true });
  const outfile = `${outdir}/${program.replace(/\.\w+$/, '.mjs')}`;
  await build({
    entryPoints: [here(`../../examples/${example}/${program}`)],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
    alias: built,
  });
  return outfile;
}
