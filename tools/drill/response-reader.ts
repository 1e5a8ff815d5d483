/** One reader of a streamed response, from its first event to its last. */

export interface ReadEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly item_id?: string;
  readonly response?: FinalResponse;
}

export interface FinalResponse {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string } | null;
  readonly output: readonly { readonly content?: readonly { readonly text?: string }[] }[];
}

export class ResponseReader {
  readonly events: ReadEvent[] = [];
  /** Settles when the connection is over; never rejects. */
  readonly done: Promise<void>;
  /** Why the connection broke. */
  problem: string | undefined;

  private constructor(request: () => Promise<Response>) {
    this.done = this.#read(request).catch((error: unknown) => {
      this.problem = String(error instanceof Error ? (error.cause ?? error) : error);
    });
  }

  /** Makes a response and reads it. `request` is sent as `x-request-id`. */
  static make(gatewayUrl: string, request: string, body: object): ResponseReader {
    const headers = { 'content-type': 'application/json', 'x-request-id': request };
    return new ResponseReader(async () => {
      const init = { method: 'POST', headers, body: JSON.stringify({ ...body, stream: true }) };
      return await fetch(`${gatewayUrl}/v1/responses`, init);
    });
  }

  /** Reads a response that somebody else has made. */
  static follow(gatewayUrl: string, id: string): ResponseReader {
    return new ResponseReader(() => fetch(`${gatewayUrl}/v1/responses/${id}?stream=true`));
  }

  /** Of the response; empty while nothing has come. */
  get id(): string {
    return this.events[0]?.response?.id ?? '';
  }

  /** What the last item says; one that was broken off and begun again is another item. */
  get text(): string {
    const deltas = this.events.filter(({ type }) => type === 'response.output_text.delta');
    const last = deltas.at(-1)?.item_id;
    return deltas.flatMap(({ delta, item_id: item }) => (item === last ? [delta] : [])).join('');
  }

  /** The response as the last event has it. */
  get final(): FinalResponse | undefined {
    return this.events.at(-1)?.response;
  }

  #take(event: ReadEvent): void {
    const { type, sequence_number: number } = event;
    // Said again while it waits, with its place in the queue.
    const isRepeated = type === 'response.queued' && this.events.at(-1)?.sequence_number === number;
    if (!isRepeated) this.events.push(event);
  }

  async #read(request: () => Promise<Response>): Promise<void> {
    const response = await request();
    if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
    if (response.body === null) return;
    let rest = '';
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const frames = (rest + text).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) {
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        // The gateway is ours, so its events have the shape that the standard gives.
        if (data?.startsWith('{') === true) this.#take(JSON.parse(data) as ReadEvent);
      }
    }
  }
}
