/** The simulator's side of the story: which calls it got, when, and how they ended. */

export interface ModelCall {
  /** The `x-request-id` of the request that it was made for. */
  readonly request: string;
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  endedAtMs: number | null;
  outcome: 'running' | 'finished' | 'aborted' | 'faulted';
}

const TIMEOUT_MS = 10_000;

export class SimulatorLog {
  readonly #url: string;
  /** By request, in the order of their start. */
  readonly #calls = new Map<string, ModelCall[]>();

  constructor(simulatorUrl: string) {
    this.#url = `${simulatorUrl}/log`;
  }

  get all(): readonly ModelCall[] {
    return [...this.#calls.values()].flat();
  }

  of(request: string): readonly ModelCall[] {
    return this.#calls.get(request) ?? [];
  }

  /** Brings it up to date. The simulator keeps the last 10,000 calls: some minutes of a drill. */
  async read(): Promise<void> {
    const response = await fetch(this.#url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`the simulator's log: status ${response.status}`);
    // The simulator is ours, so its answer has the shape that its README gives.
    const { runs } = (await response.json()) as { readonly runs: readonly ModelCall[] };
    for (const call of runs) {
      const known = this.#calls.get(call.request) ?? [];
      const same = known.find(({ startedAtMs }) => startedAtMs === call.startedAtMs);
      if (same === undefined) known.push({ ...call });
      else Object.assign(same, call);
      this.#calls.set(call.request, known);
    }
  }
}
