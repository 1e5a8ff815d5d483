import { sseEvents } from './sse.ts';

interface Event {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly code?: string;
  readonly response?: { readonly id: string };
}

const TIMEOUT_MS = 60_000;

/** A streamed response, as far as it was read, over as many connections as it took. */
export class ReadResponse {
  id = '';
  /** Joined from all deltas. */
  text = '';
  /** Type of the last event. */
  last = '';
  /** Code of the last event if it was an error. */
  error: string | undefined;
  #after = -1;
  readonly #leaving = new AbortController();
  readonly #events: AsyncIterator<Event>;

  private constructor(response: Response, leaving: AbortController) {
    this.#leaving = leaving;
    this.#events = eventsOf(response);
  }

  /** Asks for a response as a stream. */
  static async open(url: string, body: object, onDisconnect?: string): Promise<ReadResponse> {
    const leaving = new AbortController();
    const policy =
      onDisconnect === undefined ? {} : { 'x-switchboard-on-disconnect': onDisconnect };
    const response = await fetch(`${url}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...policy },
      body: JSON.stringify({ input: 'Hello', stream: true, ...body }),
      signal: leaving.signal,
    });
    return new ReadResponse(await succeeded(response), leaving);
  }

  /** Reads until so many words have come, or to the end. Throws when the connection breaks. */
  async read(words = Number.POSITIVE_INFINITY): Promise<this> {
    while (this.text.split(' ').length < words) {
      const { done, value: event } = await this.#events.next();
      if (done === true) break;
      this.#take(event);
    }
    return this;
  }

  /** Closes the connection. */
  leave(): void {
    this.#leaving.abort();
  }

  /** Reads on at any gateway to the end; what was read before counts. */
  async resume(url: string): Promise<ReadResponse> {
    const leaving = new AbortController();
    const path = `${url}/v1/responses/${this.id}?stream=true&starting_after=${this.#after}`;
    const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const rest = new ReadResponse(await succeeded(response), leaving);
    rest.id = this.id;
    rest.text = this.text;
    rest.#after = this.#after;
    return await rest.read();
  }

  /** As a gateway tells it now. */
  async status(url: string): Promise<string> {
    const path = `${url}/v1/responses/${this.id}`;
    const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return ((await (await succeeded(response)).json()) as { status: string }).status;
  }

  #take(event: Event): void {
    const { code, delta, response, sequence_number: number, type } = event;
    this.last = type;
    this.error = type === 'error' ? code : undefined;
    if (type === 'error') return;
    // Said again while it waits, with its place in the queue.
    if (type === 'response.queued' && number === this.#after) return;
    if (number !== this.#after + 1) throw new Error(`event ${number} came after ${this.#after}`);
    this.#after = number;
    this.id ||= response?.id ?? '';
    if (type === 'response.output_text.delta') this.text += delta ?? '';
  }
}

async function* eventsOf(response: Response): AsyncGenerator<Event> {
  for await (const { data } of sseEvents(response)) {
    if (data !== '[DONE]') yield JSON.parse(data) as Event;
  }
}

async function succeeded(response: Response): Promise<Response> {
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response;
}
