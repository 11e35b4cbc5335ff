// Owns a program of an example that serves until it is stopped. Knows nothing of what it serves.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { until } from './attache.mjs';
import { forNode } from './bundle.mjs';

export class Program {
  log = '';

  /** Starts it on this port, with these variables and no others. */
  static async start(example, name, port, variables) {
    const program = new Program();
    const path = await forNode(example, name);
    program.url = `http://127.0.0.1:${port}`;
    program.child = spawn(process.execPath, [path], { env: { PATH: process.env.PATH, PORT: `${port}`, ...variables }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [program.child.stdout, program.child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (program.log += chunk));
    program.ended = once(program.child, 'exit');
    process.once('exit', () => program.child.kill('SIGKILL'));
    await until(`${name}\n${program.log}`, () => fetch(program.url, { method: 'OPTIONS' }).then((answer) => answer.ok, () => false));
    return program;
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}
