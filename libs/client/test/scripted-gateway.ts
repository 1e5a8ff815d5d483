import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';

/** What becomes of one streamed answer; without one it goes through whole. */
export type Act =
  /** Takes the request and loses the answer before its first byte. */
  | { readonly act: 'lose' }
  /** Breaks the connection after that many bytes: with an error, or as if it had ended well. */
  | { readonly act: 'cut'; readonly bytes: number; readonly how: 'reset' | 'end' }
  /** Ends with an error event after that many events, as a gateway that stops does. */
  | { readonly act: 'fail'; readonly events: number; readonly code: string }
  /** Takes the request and answers later. */
  | { readonly act: 'late'; readonly until: Promise<void> }
  /** Says nothing more after that many events. */
  | { readonly act: 'hold'; readonly events: number }
  /** Leaves the event of that number out. */
  | { readonly act: 'skip'; readonly number: number }
  /** Sends everything, whatever was asked for. */
  | { readonly act: 'repeat' }
  | {
      readonly act: 'refuse';
      readonly status: number;
      readonly code: string;
      readonly headers?: Record<string, string>;
    };

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly onDisconnect: string | undefined;
  readonly body: Record<string, unknown>;
}

export interface End {
  readonly status: 'completed' | 'failed' | 'cancelled' | 'incomplete';
  readonly error?: { readonly code: string; readonly message: string };
}

type StreamEvent = { readonly type: string; readonly sequence_number: number };

/** A gateway that knows one answer, and spoils the way to it as it is told. */
export class ScriptedGateway {
  readonly seen: SeenRequest[] = [];
  readonly cancelled: string[] = [];
  /** Acts of the next streamed answers, in order. */
  acts: Act[] = [];
  /** Called when a held connection is closed by the client. */
  onHeldClosed: () => void = () => undefined;
  status = 'in_progress';
  readonly #events: readonly StreamEvent[];
  readonly #runs = new Map<string, string>();
  readonly #server: Server;

  private constructor(pieces: readonly string[], end: End) {
    this.#events = eventsOf(pieces, end);
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => request.destroy());
    });
  }

  static async start(pieces: readonly string[], end: End = { status: 'completed' }) {
    const gateway = new ScriptedGateway(pieces, end);
    const listening = Promise.withResolvers<void>();
    gateway.#server.listen(0, '127.0.0.1', listening.resolve);
    await listening.promise;
    return gateway;
  }

  get baseURL(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** How many runs were started: one for each key. */
  get runs(): number {
    return this.#runs.size;
  }

  /** Bytes of the whole answer. */
  get bytes(): number {
    return framesOf(this.#events).length;
  }

  get paths(): readonly string[] {
    return this.seen.map(({ method, path }) => `${method} ${path}`);
  }

  async close(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    this.#server.closeAllConnections();
    await closed.promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const text = await readText(request);
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    const key = headers['idempotency-key']?.toString();
    const onDisconnect = headers['x-switchboard-on-disconnect']?.toString();
    this.seen.push({ method, path, key, onDisconnect, body });
    const query = new URL(path, 'http://localhost').searchParams;
    if (body['stream'] !== true && query.get('stream') !== 'true') {
      this.#plain(path, key, response);
      return;
    }
    const act = this.acts.shift();
    if (act?.act === 'refuse') {
      const error = { message: 'refused', type: 'x', param: null, code: act.code };
      response.writeHead(act.status, { 'content-type': 'application/json', ...act.headers });
      response.end(JSON.stringify({ error }));
      return;
    }
    if (method === 'POST') this.#runs.set(key ?? '', 'resp_1');
    if (act?.act === 'late') await act.until;
    const after = act?.act === 'repeat' ? -1 : Number(query.get('starting_after') ?? -1);
    this.#stream(response, after, act);
  }

  #plain(path: string, key: string | undefined, response: ServerResponse): void {
    const act = this.acts[0]?.act === 'refuse' ? this.acts.shift() : undefined;
    response.setHeader('content-type', 'application/json');
    if (act?.act === 'refuse') {
      response.writeHead(act.status, act.headers);
      response.end(JSON.stringify({ error: { message: 'refused', code: act.code } }));
      return;
    }
    const isCancel = path.endsWith('/cancel');
    if (isCancel) this.cancelled.push(path.split('/').at(-2) ?? '');
    if (key !== undefined) this.#runs.set(key, 'resp_1');
    response.end(JSON.stringify(responseOf(isCancel ? 'cancelled' : this.status, [])));
  }

  #stream(response: ServerResponse, after: number, act: Act | undefined): void {
    if (act?.act === 'lose') return void response.destroy();
    const skipped = act?.act === 'skip' ? act.number : -1;
    const rest = this.#events.filter(
      ({ sequence_number: number }) => number > after && number !== skipped,
    );
    // Without chunks nobody can tell a connection that was cut from one that ended well.
    if (act?.act === 'cut' && act.how === 'end') response.useChunkedEncodingByDefault = false;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.flushHeaders();
    if (act?.act === 'cut') {
      const part = framesOf(rest).subarray(0, act.bytes);
      if (act.how === 'end') response.end(part);
      else response.write(part, () => response.destroy());
    } else if (act?.act === 'fail') {
      response.end(Buffer.concat([framesOf(rest.slice(0, act.events)), errorFrame(act.code)]));
    } else if (act?.act === 'hold') {
      response.on('close', () => this.onHeldClosed());
      response.write(framesOf(rest.slice(0, act.events)));
    } else {
      response.end(Buffer.concat([framesOf(rest), Buffer.from('data: [DONE]\n\n')]));
    }
  }
}

function framesOf(events: readonly StreamEvent[]): Buffer {
  const frames = events.map((event) => {
    const comment = event.sequence_number % 3 === 0 ? ': heartbeat\n\n' : '';
    return `${comment}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  });
  return Buffer.from(frames.join(''));
}

function errorFrame(code: string): Buffer {
  const error = { type: 'x', code, message: 'over', param: null };
  const event = { ...error, type: 'error', sequence_number: 0, error };
  return Buffer.from(`event: error\ndata: ${JSON.stringify(event)}\n\n`);
}

function responseOf(status: string, output: readonly object[], error: End['error'] | null = null) {
  return { id: 'resp_1', object: 'response', status, output, error, usage: null };
}

function eventsOf(pieces: readonly string[], { status, error }: End): StreamEvent[] {
  const text = pieces.join('');
  const item = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    status,
    content: [{ type: 'output_text', text, annotations: [] }],
  };
  const place = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  const last = status === 'cancelled' ? 'incomplete' : status;
  const events: { readonly type: string; readonly [field: string]: unknown }[] = [
    ...['created', 'queued', 'in_progress'].map((name) => ({
      type: `response.${name}`,
      response: responseOf(name === 'in_progress' ? name : 'queued', []),
    })),
    ...pieces.map((delta) => ({ type: 'response.output_text.delta', ...place, delta })),
    ...(status === 'failed' ? [] : [{ type: 'response.output_text.done', ...place, text }]),
    { type: `response.${last}`, response: responseOf(status, [item], error) },
  ];
  return events.map((event, number) => ({ ...event, sequence_number: number }));
}
