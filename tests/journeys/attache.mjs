// Owns the attache processes of a journey: their ports, directory, configuration, output and end.
// Knows no journey, and reads nothing of the broker but what it prints and answers.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const binary = process.env.ATTACHE_BIN ?? fileURLToPath(new URL('../../target/debug/attache', import.meta.url));
assert.ok(existsSync(binary), `there is no ${binary}; build it, or name it in ATTACHE_BIN`);

// What a developer has set for a broker of their own must not reach ours.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ATTACHE_')));

/** Asks until the answer is truthy; names what it waited for when it never is. */
export async function until(what, ask, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await sleep(25);
  }
}

/** Within a describe: shows the end of a log when one of its tests failed. */
export function tellOnFailure(log) {
  let failed = false;
  afterEach((context) => {
    failed ||= context.passed === false;
  });
  after(() => {
    if (failed) console.error((log() ?? '').split('\n').slice(-200).join('\n'));
  });
}

async function isFree(port) {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** The first of `count` ports in a row that nobody listens on, below those that the system gives to clients. */
export async function freePorts(count) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const first = 10_000 + Math.floor(Math.random() * 20_000);
    const row = Array.from({ length: count }, (_, index) => first + index);
    if ((await Promise.all(row.map(isFree))).every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row`);
}

/** A configuration as TOML: nested objects are tables, all else is written as JSON writes it. */
export function toml(table, path = []) {
  const isTable = (value) => typeof value === 'object' && !Array.isArray(value);
  const entries = Object.entries(table).filter(([, value]) => value !== undefined);
  const key = (name) => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name));
  const values = entries.filter(([, value]) => !isTable(value)).map(([name, value]) => `${key(name)} = ${JSON.stringify(value)}`);
  const tables = entries.filter(([, value]) => isTable(value)).map(([name, value]) => toml(value, [...path, key(name)]));
  return [path.length ? `[${path.join('.')}]` : '', ...values, ...tables].join('\n');
}

class Process {
  output = '';
  log = '';

  constructor(args, { input = 'ignore', ...options }) {
    this.child = spawn(binary, args, { ...options, stdio: [input, 'pipe', 'pipe'] });
    this.child.stdout.setEncoding('utf8').on('data', (chunk) => {
      this.output += chunk;
      this.log += chunk;
    });
    this.child.stderr.setEncoding('utf8').on('data', (chunk) => (this.log += chunk));
    this.ended = once(this.child, 'exit');
    // Also when a test run is cut short.
    process.once('exit', () => this.child.kill('SIGKILL'));
  }

  async ready(machineRoom) {
    await until(`readiness\n${this.log}`, async () => {
      assert.equal(this.child.exitCode, null, `attache ended before it was ready:\n${this.log}`);
      const answer = await fetch(`${machineRoom}/readyz`).catch(() => undefined);
      await answer?.arrayBuffer();
      return answer?.ok;
    });
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    const killing = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(killing);
  }
}

/**
 * `attache serve` with a configuration of its own; `configure(url)` says all but listeners, vault and database. Browsers know
 * it by `host`, which must lead to this machine, or by the whole address `at`, from where somebody passes requests on.
 */
export class Broker {
  static async start(databaseUrl, configure, { host = '127.0.0.1', at } = {}) {
    const broker = new Broker();
    Object.assign(broker, { host, at });
    broker.directory = await mkdtemp(join(tmpdir(), 'attache-journey-'));
    try {
      await broker.#rise(databaseUrl, configure);
      return broker;
    } catch (error) {
      await broker.stop();
      throw error;
    }
  }

  async #rise(databaseUrl, configure) {
    const port = await freePorts(2);
    this.url = this.at ?? `http://${this.host}:${port}`;
    /** For requests of no browser. */
    this.direct = `http://127.0.0.1:${port}${new URL(this.url).pathname.replace(/\/$/, '')}`;
    this.machineRoom = `http://127.0.0.1:${port + 1}`;
    const config = {
      public_url: this.url,
      listen: { address: `127.0.0.1:${port}`, machine_room: `127.0.0.1:${port + 1}` },
      database: { url: databaseUrl ?? `sqlite://${join(this.directory, 'attache.db')}` },
      vault: { master_key_file: join(this.directory, 'master.key') },
      log: { level: 'debug' },
      ...configure(this.url),
    };
    this.config = config;
    await writeFile(join(this.directory, 'attache.toml'), toml(config), { mode: 0o600 });
    await writeFile(config.vault.master_key_file, (await this.run('vault', 'new-key')).stdout, { mode: 0o600 });
    await this.run('migrate');
    this.process = new Process(['serve'], this.#options());
    await this.process.ready(this.machineRoom);
  }

  #options() {
    return { cwd: this.directory, env: { ...environment, ATTACHE_CONFIG: join(this.directory, 'attache.toml') } };
  }

  get log() {
    return this.process.log;
  }

  /** Starts anew with some sections changed. */
  async reconfigure(sections) {
    await this.process.stop();
    Object.assign(this.config, sections);
    await writeFile(join(this.directory, 'attache.toml'), toml(this.config), { mode: 0o600 });
    this.process = new Process(['serve'], this.#options());
    await this.process.ready(this.machineRoom);
  }

  /** One command of the same binary, with the same configuration. */
  run(...args) {
    return promisify(execFile)(binary, args, this.#options());
  }

  /** The same for a command that asks: its process, which is told by `child.stdin`. */
  converse(...args) {
    return new Process(args, { ...this.#options(), input: 'pipe' });
  }

  /** A caller with an API key for these apps. */
  async caller(name, ...apps) {
    const { stdout, stderr } = await this.run('key', 'create', '--caller', name, ...apps.flatMap((app) => ['--app', app]));
    assert.match(stdout, /^ak_\S+\n$/, 'the API key stands alone on standard output');
    const id = /\bca_[A-Za-z0-9_-]+/.exec(stderr)?.[0];
    assert.ok(id, `standard error names the caller's id: ${stderr}`);
    return { id, key: stdout.trim() };
  }

  /** The server is gone for a while, and comes back on the same database. */
  async restart(meanwhile) {
    await this.process.stop();
    await meanwhile();
    this.process = new Process(['serve'], this.#options());
    await this.process.ready(this.machineRoom);
  }

  async stop() {
    await this.process?.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** `attache demo`: the broker and its two sandbox neighbours, with nothing configured. */
export class Demo {
  static async start() {
    const demo = new Demo();
    const port = await freePorts(4);
    demo.url = `http://127.0.0.1:${port}`;
    demo.issuer = `http://127.0.0.1:${port + 1}`;
    demo.content = `http://127.0.0.1:${port + 2}`;
    demo.process = new Process(['demo', '--port', `${port}`], { env: environment });
    try {
      await demo.process.ready(`http://127.0.0.1:${port + 3}`);
    } catch (error) {
      await demo.stop();
      throw error;
    }
    return demo;
  }

  get output() {
    return this.process.output;
  }

  get log() {
    return this.process.log;
  }

  /** What the demo tells people to paste: each command with its continued lines, in order. */
  get commands() {
    const lines = this.output.replace(/\u001b\[[0-9;]*m/g, '').split('\n');
    const commands = [];
    let open = false;
    for (const line of lines) {
      if (open) commands[commands.length - 1] += `\n${line}`;
      else if (/^\s*(?:\$ )?(?:\w+=\$\()?\s*curl /.test(line)) commands.push(line.replace(/^\s*(?:\$ )?/, ''));
      else continue;
      open = line.trimEnd().endsWith('\\');
    }
    return commands;
  }

  stop() {
    return this.process.stop();
  }
}
