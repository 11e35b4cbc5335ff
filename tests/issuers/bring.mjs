// Owns how an issuer comes to this machine: by a package client, into target/issuers/ of the checkout, once. Knows no
// issuer. What can't be had is `Missing`, with the reason; that is never a failure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const store = fileURLToPath(new URL('../../target/issuers/', import.meta.url));

export class Missing extends Error {}

/** The folder of one version of one issuer. `fill` is called when there is none yet; a half-filled one never counts. */
export async function folderOf(version, fill) {
  const folder = join(store, version);
  if (existsSync(folder)) return folder;
  const half = `${folder}.half`;
  const log = `${folder}.log`;
  await rm(half, { recursive: true, force: true });
  await rm(log, { force: true });
  await mkdir(half, { recursive: true });
  console.log(`bringing ${version}, the first time only; ${log} tells how it goes`);
  await fill(half, (program, args, options) => run(program, args, { cwd: half, log, ...options }));
  await rename(half, folder);
  return folder;
}

/** Runs a package client to its end, as gently as it can be; what it says goes to the log. */
async function run(program, args, { log, env, cwd }) {
  const told = await open(log, 'a');
  try {
    const child = spawn('nice', ['-n', '10', program, ...args], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', told.fd, told.fd] });
    const killed = () => child.kill('SIGKILL');
    process.once('exit', killed);
    const [status] = await once(child, 'exit');
    process.off('exit', killed);
    if (status === 0) return;
    if (status === 127) throw new Missing(`${program} is not installed`);
    const last = (await readFile(log, 'utf8')).trim().split('\n').at(-1);
    throw new Missing(`${program} ${args[0]} ended with ${status}: ${last}`);
  } finally {
    await told.close();
  }
}

/** A Go program, built in a module of its own. `also` and `replace` say what its own module file says beside. */
export async function goProgram(name, { version, source, get, also = [], replace = [], tags = '', cgo = false }) {
  const env = {
    CGO_ENABLED: cgo ? '1' : '0',
    GOMODCACHE: join(store, 'go', 'modules'),
    GOCACHE: join(store, 'go', 'build'),
    // A read-only module cache could not be removed with the rest of target/.
    GOFLAGS: `-modcacherw -p=${Math.max(1, availableParallelism() - 1)}`,
  };
  const folder = await folderOf(`${name}-${version}`, async (_, run) => {
    await run('go', ['mod', 'init', `${name}-of-the-issuers`], { env });
    for (const each of replace) await run('go', ['mod', 'edit', '-replace', each], { env });
    for (const each of [get, ...also]) await run('go', ['get', each], { env });
    await run('go', ['build', '-tags', tags, '-o', name, source], { env });
  });
  return join(folder, name);
}
