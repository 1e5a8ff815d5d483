/** Two real simulators as the providers `a` and `b`, and runs that ask them. Tests only. */
import { AgentProfile, toError } from '@switchboard/contract';
import type { ProviderSettings, RunEvent } from '@switchboard/contract';
import { startSimulator } from '@switchboard/llm-simulator';
import type { RunRecord, SimulatorStats } from '@switchboard/llm-simulator';
import type { EndpointOptions } from '../src/llm/endpoint.ts';
import { Providers } from '../src/llm/providers.ts';
import { AgentRunner } from '../src/runner/agent-runner.ts';
import type { RunnerParts } from '../src/runner/agent-runner.ts';
import { requestOf } from './worker-rig.ts';

export type ProviderName = 'a' | 'b';
export type Api = ProviderSettings['api'];

/** Of the usage event, what a test looks at. */
export interface Used {
  readonly prompt: number;
  readonly completion: number;
  readonly estimated: boolean;
  readonly cost: number | undefined;
}

/** What came of a run. */
export interface Outcome {
  readonly events: readonly RunEvent[];
  /** `completed`, or the code that it failed with. */
  readonly code: string;
  readonly error: Error | undefined;
  /** The last usage event; undefined: there was none, or it said that nothing was used. */
  readonly used: Used | undefined;
  /** Calls at each provider. */
  readonly calls: Readonly<Record<ProviderName, number>>;
}

export interface Ask {
  /** The script for `a`. */
  readonly script: string;
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
  /** Of the profile. */
  readonly fields?: Record<string, unknown>;
  readonly requestId?: string;
  readonly parts?: RunnerParts;
}

export interface ProviderRig {
  readonly urls: Readonly<Record<ProviderName, string>>;
  /** Endpoints of a test's own, so that their circuits are closed and their lines empty. */
  providers(settings?: Partial<EndpointOptions>, nowMs?: () => number): Providers;
  run(providers: Providers, ask: Ask): AsyncGenerator<RunEvent, void>;
  outcome(providers: Providers, ask: Ask): Promise<Outcome>;
  /** Calls of one request that a provider has seen. */
  callsAt(name: ProviderName, requestId: string): Promise<number>;
  stats(name: ProviderName): Promise<SimulatorStats>;
  /** Lines logged since they were last taken. */
  takeLines(): readonly LogLine[];
  close(): Promise<void>;
}

export interface LogLine {
  readonly message: string;
  readonly [field: string]: unknown;
}

let sequence = 0;

export async function startProviderRig(): Promise<ProviderRig> {
  const a = await startSimulator({ host: '127.0.0.1', port: 0 });
  const b = await startSimulator({ host: '127.0.0.1', port: 0 });
  const urls = { a: a.url, b: b.url };
  const opened: Providers[] = [];
  const lines: LogLine[] = [];
  const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const log = { info: note, warn: note };

  const run = (providers: Providers, ask: Ask) => {
    const profile = AgentProfile.parse({
      name: 'agent',
      model: ask.script,
      provider: 'a',
      max_retries: 0,
      ...ask.fields,
    });
    const { requestId = nextId(), signal = new AbortController().signal } = ask;
    const options = { agent: 'agent', stream: ask.stream ?? true, requestId };
    const request = requestOf('', options);
    // Waits between two calls are next to nothing.
    const runner = new AgentRunner([profile], providers, () => 0.02, ask.parts);
    return runner.run(request, { run: request.run, requestId, attempt: 1, signal, log });
  };

  return {
    urls,
    providers: (settings = {}, nowMs) => {
      const shared = { apiKey: 'key-for-tests', connections: 10, prices: {}, ...settings };
      const endpoints = (['a', 'b'] as const).map((name) => {
        return { name, baseUrl: `${urls[name]}/v1`, ...shared };
      });
      const providers = new Providers(endpoints, log, nowMs);
      opened.push(providers);
      return providers;
    },
    run,
    outcome: async (providers, ask) => {
      const requestId = ask.requestId ?? nextId();
      const events: RunEvent[] = [];
      let error: Error | undefined;
      try {
        for await (const event of run(providers, { ...ask, requestId })) events.push(event);
      } catch (thrown) {
        error = toError(thrown);
      }
      const calls = { a: await callsAt(urls.a, requestId), b: await callsAt(urls.b, requestId) };
      return { events, error, code: codeOf(events, error), used: usedIn(events), calls };
    },
    callsAt: (name, requestId) => callsAt(urls[name], requestId),
    stats: (name) => getJson<SimulatorStats>(`${urls[name]}/stats`),
    takeLines: () => lines.splice(0),
    close: async () => {
      for (const providers of opened) await providers.close();
      await Promise.all([a.close(), b.close()]);
    },
  };
}

/** What the text of an answer was. */
export function textIn(events: readonly RunEvent[]): string {
  return events.map((event) => (event.type === 'text.delta' ? event.text : '')).join('');
}

function nextId(): string {
  sequence += 1;
  return `drill-${sequence}`;
}

function codeOf(events: readonly RunEvent[], error: Error | undefined): string {
  if (error === undefined) return events.at(-1)?.type ?? 'nothing';
  return 'code' in error ? String(error.code) : error.message;
}

function usedIn(events: readonly RunEvent[]): Used | undefined {
  const said = events.findLast((event) => event.type === 'usage');
  if (said === undefined) return undefined;
  const { prompt_tokens: prompt, completion_tokens: completion } = said.usage;
  if (said.usage.total_tokens === 0) return undefined;
  return { prompt, completion, estimated: said.estimated === true, cost: said.cost };
}

async function callsAt(url: string, requestId: string): Promise<number> {
  const log = await getJson<{ runs: readonly RunRecord[] }>(`${url}/log?request=${requestId}`);
  return log.runs.length;
}

/** The simulator's own JSON: its type is the simulator's word. */
async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (await response.json()) as T;
}
