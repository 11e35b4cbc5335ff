// Owns one process of an issuer: its start, its log, and its end, also when the run is cut short. Knows no issuer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../journeys/attache.mjs';

export class Server {
  log = '';

  /** Starts a program and waits until `url` answers with success. */
  static async start(program, args, url, options = {}) {
    const server = new Server();
    const { env, ...rest } = options;
    // A group of its own: what the program starts by itself ends with it.
    server.child = spawn(program, args, { ...rest, env: { ...process.env, ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [server.child.stdout, server.child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (server.log += chunk));
    server.ended = once(server.child, 'exit');
    server.cutShort = () => server.#kill('SIGKILL');
    process.once('exit', server.cutShort);
    try {
      await until(url, () => server.#answers(url), 300);
    } catch (error) {
      await server.stop();
      throw new Error(`${program} did not start: ${error.message}\n${server.log}`);
    }
    return server;
  }

  async #answers(url) {
    if (this.#isOver()) throw new Error('it ended by itself');
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    return answer?.ok;
  }

  #isOver() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  #kill(signal) {
    if (!this.#isOver()) process.kill(-this.child.pid, signal);
  }

  async stop() {
    this.#kill('SIGTERM');
    const killing = setTimeout(() => this.#kill('SIGKILL'), 10_000);
    if (!this.#isOver()) await this.ended;
    clearTimeout(killing);
    process.off('exit', this.cutShort);
  }
}
