// Owns the databases that the journeys run on: a fresh one for each world, gone with it. A missing PostgreSQL
// is a failure: half a run must not look like a whole one.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const server = process.env.ATTACHE_TEST_POSTGRES;
assert.ok(server, 'ATTACHE_TEST_POSTGRES must hold the postgres:// URL of a server where databases can be made; tests/run starts one');

export const psql = (command, database = server) => promisify(execFile)('psql', ['--no-psqlrc', '--quiet', '--dbname', database, '--command', command]);

export const databases = {
  SQLite: async () => ({ url: undefined, drop: async () => {} }),
  PostgreSQL: async () => {
    const name = `journey_${randomBytes(6).toString('hex')}`;
    await psql(`CREATE DATABASE ${name}`);
    const url = new URL(server);
    url.pathname = `/${name}`;
    return { url: url.href, drop: () => psql(`DROP DATABASE ${name} WITH (FORCE)`) };
  },
};
