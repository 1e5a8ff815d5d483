import { until } from '@switchboard/testkit';
import { sseEvents } from './sse.ts';
import { PATIENCE_MS } from './test-stack.ts';

/** What `GET /v1/pool` says of one pool, as far as tests look at it. */
export interface PoolState {
  readonly pool: string;
  readonly stale: boolean;
  readonly slots: number;
  readonly busy: number;
  readonly waiting: number | null;
  readonly predicted_wait_ms: number | null;
  readonly workers: readonly {
    readonly worker: string;
    readonly busy: number;
    readonly draining: boolean;
    readonly served: number;
  }[];
}

/** Reads the pool stream of one gateway and keeps the newest state. */
export class PoolMonitor implements AsyncDisposable {
  readonly #aborting = new AbortController();
  readonly #reading: Promise<void>;
  /** Names of the workers in every state since the start. */
  readonly shown = new Set<string>();
  #latest: PoolState | undefined;

  constructor(gatewayUrl: string, headers: Readonly<Record<string, string>> = {}) {
    this.#reading = this.#read(`${gatewayUrl}/v1/pool`, headers).catch((error: unknown) => {
      if (!this.#aborting.signal.aborted) throw error;
    });
  }

  get latest(): PoolState | undefined {
    return this.#latest;
  }

  get names(): string {
    return namesOf(this.#latest);
  }

  async until(what: string, condition: (state: PoolState) => boolean): Promise<PoolState> {
    const look = () =>
      this.#latest !== undefined && condition(this.#latest) ? this.#latest : false;
    return await until(look, { what, timeoutMs: PATIENCE_MS });
  }

  async untilNames(names: string): Promise<void> {
    await this.until(`the workers to be ${names}`, (state) => namesOf(state) === names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#aborting.abort();
    await this.#reading;
  }

  async #read(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
    const { signal } = this.#aborting;
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal,
    });
    for await (const { data } of sseEvents(response)) this.#take(data);
  }

  #take(data: string): void {
    const { pools } = JSON.parse(data) as { readonly pools: readonly PoolState[] };
    this.#latest = pools.find(({ pool }) => pool === 'default');
    this.shown.add(this.names);
  }
}

function namesOf(state: PoolState | undefined): string {
  return (state?.workers ?? []).map(({ worker }) => worker).join();
}
