import assert from 'node:assert/strict';
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';

import { startSimulator, type RunRecord, type SimulatorStats } from '../src/index.ts';

/** What came back. `broken`: the connection ended before the answer did. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly broken: boolean;
}

export interface Asked {
  readonly model?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** A request on its way. */
export interface Call {
  /** Rejects if the connection ends before the headers. */
  readonly headers: Promise<IncomingMessage>;
  readonly reply: Promise<Reply>;
  /** Body so far. */
  readonly received: () => string;
  /** Closes the socket. */
  readonly leave: () => void;
}

/** A simulator of a test's own and a client for it; both are closed after the test. */
export async function simulated(context: TestContext): Promise<SimulatorClient> {
  const simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  const client = new SimulatorClient(simulator.url);
  context.after(async () => {
    client.close();
    await simulator.close();
  });
  return client;
}

export class SimulatorClient {
  readonly url: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.url = url;
  }

  /** Sends a chat completion of one user message. */
  chat(asked: Asked = {}): Call {
    const { headers = {}, ...fields } = asked;
    const messages = [{ role: 'user', content: 'Hello there' }];
    const body = JSON.stringify({ model: 'tokens=3', messages, ...fields });
    return this.send('POST', '/v1/chat/completions', body, headers);
  }

  send(
    method: string,
    path: string,
    body = '',
    headers: Readonly<Record<string, string>> = {},
  ): Call {
    let received = '';
    const replied = Promise.withResolvers<Reply>();
    const headed = Promise.withResolvers<IncomingMessage>();
    const outgoing = request(this.url + path, { method, headers, agent: this.#agent });
    outgoing.once('error', (error) => {
      headed.reject(error);
      replied.reject(error);
    });
    outgoing.once('response', (incoming) => {
      incoming.setEncoding('utf8').on('data', (text: string) => (received += text));
      incoming.on('error', () => undefined); // Shown as `broken`.
      incoming.once('close', () => {
        const { statusCode: status = 0, headers: answered, complete } = incoming;
        replied.resolve({ status, headers: answered, body: received, broken: !complete });
      });
      headed.resolve(incoming);
    });
    outgoing.end(body);
    // A test that closes its own call looks at the simulator's side of it, not at these.
    headed.promise.catch(() => undefined);
    replied.promise.catch(() => undefined);
    return {
      headers: headed.promise,
      reply: replied.promise,
      received: () => received,
      leave: () => outgoing.destroy(),
    };
  }

  async stats(): Promise<SimulatorStats> {
    const stats: SimulatorStats = JSON.parse((await this.send('GET', '/stats').reply).body);
    return stats;
  }

  async runs(requestId: string): Promise<readonly RunRecord[]> {
    const { body } = await this.send('GET', `/log?request=${requestId}`).reply;
    const log: { runs: RunRecord[] } = JSON.parse(body);
    return log.runs;
  }

  /** The only run of a request, once it has ended. */
  async ended(requestId: string): Promise<RunRecord> {
    let run: RunRecord | undefined;
    await until(async () => {
      run = (await this.runs(requestId))[0];
      return run !== undefined && run.outcome !== 'running';
    });
    assert.ok(run);
    return run;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Waits until it holds; fails after ten seconds. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadlineMs, `never came true: ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The data of each server-sent event. */
export function events(body: string): readonly string[] {
  return body
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.replace(/^data: /, ''));
}

export interface Chunk {
  readonly choices: readonly {
    readonly delta: {
      readonly content?: string | null;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly function: { readonly name?: string; readonly arguments: string };
      }[];
    };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: Readonly<Record<string, unknown>> | null;
}

/** The chunks of a stream that ended with [DONE]. */
export function chunks(body: string): readonly Chunk[] {
  const all = events(body);
  assert.equal(all.at(-1), '[DONE]');
  return all.slice(0, -1).map((event): Chunk => JSON.parse(event));
}
