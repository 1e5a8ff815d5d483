/** What a stream holds now. */
export interface StreamState {
  readonly messages: number;
  readonly bytes: number;
}

interface StreamDetail {
  readonly name: string;
  readonly state: StreamState;
}

const TIMEOUT_MS = 10_000;

/** The streams as nats-server's own monitoring shows them, past everything that is tested. */
export class StreamMonitor {
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** What nats-server needs in its configuration. */
  get configuration(): string {
    return `http: "127.0.0.1:${this.#port}"`;
  }

  /** Every stream by its name. */
  async streams(): Promise<ReadonlyMap<string, StreamState>> {
    const url = `http://127.0.0.1:${this.#port}/jsz?streams=true`;
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const answer = (await response.json()) as {
      account_details?: readonly { stream_detail?: readonly StreamDetail[] }[];
    };
    const details = (answer.account_details ?? []).flatMap((one) => one.stream_detail ?? []);
    return new Map(details.map(({ name, state }) => [name, state]));
  }

  /** Messages in a stream; 0 when there is no such stream. */
  async messages(stream: string): Promise<number> {
    return (await this.streams()).get(stream)?.messages ?? 0;
  }

  /** Requests queued and running in a pool. */
  async requests(pool = 'default'): Promise<number> {
    return await this.messages(`REQUESTS_${pool}`);
  }
}
