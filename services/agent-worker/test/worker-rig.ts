/** A runner and a real simulator in this process, joined by a real socket. Tests only. */
import assert from 'node:assert/strict';
import type { Server } from 'node:net';
import { AgentProfile, toError } from '@switchboard/contract';
import type { RunEvent, RunRequest } from '@switchboard/contract';
import { startSimulator } from '@switchboard/llm-simulator';
import type { RunRecord, SimulatorStats } from '@switchboard/llm-simulator';
import { OpenAiProvider } from '../src/llm/openai-provider.ts';
import { Providers } from '../src/llm/providers.ts';
import { AgentRunner } from '../src/runner/agent-runner.ts';
import type { RunnerParts } from '../src/runner/agent-runner.ts';

export const SILENT = { info: () => {}, warn: () => {} };

export interface RunOptions {
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
  readonly chat?: Record<string, unknown>;
  readonly agent?: string;
  readonly requestId?: string;
}

export interface Rig {
  readonly url: string;
  readonly runner: AgentRunner;
  /** The events of one run of a simulator script. */
  run(script: string, options?: RunOptions): AsyncGenerator<RunEvent, void>;
  stats(): Promise<SimulatorStats>;
  /** What the simulator did for one request id. */
  records(requestId: string): Promise<readonly RunRecord[]>;
  close(): Promise<void>;
}

/** `fields` go into the profile `sim/*`; jitter is off, so that waits are what they are at most. */
export async function startRig(
  fields: Record<string, unknown> = {},
  connections = 10,
  parts: RunnerParts = {},
): Promise<Rig> {
  const simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  const baseUrl = `${simulator.url}/v1`;
  const shared = { apiKey: 'key-for-tests', connections, prices: {} };
  const provider = new Providers([{ name: 'default', baseUrl, ...shared }], SILENT);
  const profile = AgentProfile.parse({ name: 'sim/*', model: '*', max_retries: 0, ...fields });
  const runner = new AgentRunner([profile], provider, () => 0.02, parts);
  return {
    url: simulator.url,
    runner,
    run: (script, options = {}) => {
      const request = requestOf(script, options);
      const { signal = new AbortController().signal } = options;
      const { run, requestId } = request;
      return runner.run(request, { run, requestId, attempt: 1, signal, log: SILENT });
    },
    stats: () => getJson<SimulatorStats>(`${simulator.url}/stats`),
    records: async (requestId) => {
      const url = `${simulator.url}/log?request=${requestId}`;
      return (await getJson<{ runs: readonly RunRecord[] }>(url)).runs;
    },
    close: async () => {
      await provider.close();
      await simulator.close();
    },
  };
}

/** The events of one run at an endpoint that is not the simulator. */
export async function* runAgainst(
  baseUrl: string,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<RunEvent, void> {
  const provider = new OpenAiProvider({ baseUrl, apiKey: 'key-for-tests', connections: 1 });
  const profile = AgentProfile.parse({ name: 'other', model: 'm', max_retries: 0 });
  const request = requestOf('', { agent: 'other' });
  const { run, requestId } = request;
  const context = { run, requestId, attempt: 1, signal, log: SILENT };
  try {
    yield* new AgentRunner([profile], provider).run(request, context);
  } finally {
    await provider.close();
  }
}

/** The port of a server that listens. */
export function portOf(server: Server): number {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

let sequence = 0;

export function requestOf(script: string, options: RunOptions): RunRequest {
  sequence += 1;
  return {
    v: 1,
    run: `gate_${sequence.toString(16).padStart(22, '0')}`,
    requestId: options.requestId ?? `request-${sequence}`,
    agent: options.agent ?? 'sim/*',
    model: script,
    stream: options.stream ?? true,
    queueTimeoutMs: 1_000,
    onDisconnect: 'cancel',
    resumeWindowMs: 0,
    chat: { messages: [{ role: 'user', content: 'hello' }], ...options.chat },
  };
}

export async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

/** The code that a run fails with. */
export async function codeOf(run: AsyncIterable<RunEvent>): Promise<string> {
  try {
    const events = await collect(run);
    return `no failure but ${events.at(-1)?.type}`;
  } catch (thrown) {
    const error = toError(thrown);
    return 'code' in error ? String(error.code) : error.message;
  }
}

/** The simulator's own JSON: its type is the simulator's word. */
async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (await response.json()) as T;
}
