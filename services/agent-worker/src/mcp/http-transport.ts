import timers from 'node:timers/promises';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { EventReader, readWhole } from './http-body.ts';
import { MessageGate, cancelledId } from './message-gate.ts';
import { ServerFault, causeCode } from './server-fault.ts';

export interface HttpEndpoint {
  readonly url: string;
  /** With the bearer token, if there is one. */
  readonly headers: Readonly<Record<string, string>>;
  /** Most calls at once. */
  readonly concurrency: number;
}

/** Connections besides those of calls: the server's own stream, notices and pings. */
const MORE_CONNECTIONS = 4;
/** How long a server may take to accept a notice, or the end of the session. */
const NOTICE_MS = 5_000;
const GOODBYE_MS = 1_000;
/** Failures of the network in a row after which the server is taken for gone. */
const NETWORK_FAILURES_MAX = 2;
const LISTEN_FIRST_MS = 1_000;
const LISTEN_LONGEST_MS = 30_000;

/**
 * A server over streamable HTTP. The SDK's own transport reads answers of any length, leaves a
 * call's connection open when the call is given up, and lets it wait when its answer breaks off.
 *
 * - I1: the request of a call that is given up is closed at once.
 * - I2: every call gets an answer: the server's, or an error in its place.
 * - I3: redirects are not followed: they would carry the token to wherever the server points.
 */
export class HttpTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #endpoint: HttpEndpoint;
  readonly #agent: Agent;
  readonly #gate = new MessageGate();
  readonly #calls = new Map<number, AbortController>();
  readonly #life = new AbortController();
  #session: string | undefined;
  #version: string | undefined;
  #networkFailures = 0;
  #closing: Promise<void> | undefined;

  constructor(endpoint: HttpEndpoint) {
    this.#endpoint = endpoint;
    this.#agent = new Agent({
      connections: endpoint.concurrency + MORE_CONNECTIONS,
      pipelining: 1,
      // Over HTTP/2 a call that is given up would leave its connection open.
      allowH2: false,
      // The call's own limit decides how long is too long.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Named in every request once the two sides have agreed on it. */
  setProtocolVersion(version: string): void {
    this.#version = version;
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.#life.signal.aborted) return Promise.resolve();
    this.#gate.sent(message);
    const givenUp = cancelledId(message);
    if (givenUp !== undefined) this.#calls.get(givenUp)?.abort();
    if ('method' in message && 'id' in message) void this.#call(message, Number(message.id));
    else void this.#notify(message);
    return Promise.resolve();
  }

  /** Hears what the server says by itself, if it has a stream for that. */
  async listen(): Promise<void> {
    const { signal } = this.#life;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const answer = await this.#request('GET', undefined, signal);
        if (!isEventStream(answer)) {
          discard(answer);
          return;
        }
        failures = 0;
        await this.#readEvents(answer, () => false);
      } catch (thrown) {
        if (thrown instanceof ServerFault) this.#fail(thrown);
        // A network that is down is found by the next call, or gone by the next try.
      }
      const waitMs = Math.min(LISTEN_FIRST_MS * 2 ** failures, LISTEN_LONGEST_MS);
      await timers.setTimeout(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Ends the session, and every connection. */
  close(): Promise<void> {
    this.#finish();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { signal, clear } = deadline(GOODBYE_MS);
    try {
      if (this.#session !== undefined) discard(await this.#request('DELETE', undefined, signal));
    } catch {
      // It forgets the session by itself, in time.
    } finally {
      clear();
    }
    // Not waited for: a connection that is still being made is given up only by its own time-out.
    void this.#agent.destroy();
  }

  async #call(message: JSONRPCMessage, id: number): Promise<void> {
    const call = new AbortController();
    this.#calls.set(id, call);
    let why = 'it ended its answer too early';
    try {
      const answer = await this.#request('POST', message, call.signal);
      this.#networkFailures = 0;
      why = (await this.#readAnswer(answer, id)) ?? why;
    } catch (thrown) {
      if (thrown instanceof ServerFault) this.#fail(thrown);
      else if (!call.signal.aborted) why = this.#networkFailed(thrown);
    } finally {
      this.#calls.delete(id);
    }
    const error = this.#gate.giveUp(id, why);
    if (error === undefined || this.#life.signal.aborted) return;
    // Before the two sides have agreed on a version there is nothing that could go on.
    if (this.#version === undefined) this.#fail(new ServerFault(why));
    else this.onmessage?.(error);
  }

  /** @returns why there is no answer */
  async #readAnswer(answer: Dispatcher.ResponseData, id: number): Promise<string | undefined> {
    const { statusCode, headers, body } = answer;
    if (statusCode === 404 && this.#session !== undefined) {
      discard(answer);
      throw new ServerFault('it has forgotten the session');
    }
    if (statusCode !== 200) {
      discard(answer);
      return `it answers HTTP ${statusCode}`;
    }
    const session = headers['mcp-session-id'];
    if (typeof session === 'string') this.#session ??= session;
    if (isEventStream(answer)) {
      await this.#readEvents(answer, () => !this.#gate.awaits(id));
      return undefined;
    }
    if (!hasType(answer, 'application/json')) {
      discard(answer);
      return 'its answer is neither JSON nor an event stream';
    }
    const text = await readWhole(body);
    if (text === undefined) return 'its answer is too long';
    this.#take(text);
    return undefined;
  }

  async #notify(message: JSONRPCMessage): Promise<void> {
    const { signal, clear } = deadline(NOTICE_MS);
    try {
      discard(await this.#request('POST', message, signal));
    } catch {
      // Nobody waits for it, and the next call meets whatever it met.
    } finally {
      clear();
    }
  }

  /** Until it ends, or `enough` says so. @throws ServerFault, or a failure of the network */
  async #readEvents(answer: Dispatcher.ResponseData, enough: () => boolean): Promise<void> {
    const events = new EventReader((data) => this.#take(data));
    // Leaving the loop early closes the connection.
    for await (const bytes of answer.body as AsyncIterable<Buffer>) {
      events.take(bytes);
      if (enough() || this.#life.signal.aborted) return;
    }
  }

  /** @throws ServerFault */
  #take(text: string): void {
    if (this.#life.signal.aborted) return;
    const message = this.#gate.receive(text);
    if (message !== undefined) this.onmessage?.(message);
  }

  #request(
    method: 'GET' | 'POST' | 'DELETE',
    message: JSONRPCMessage | undefined,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const headers: Record<string, string> = {
      ...this.#endpoint.headers,
      accept: method === 'POST' ? 'application/json, text/event-stream' : 'text/event-stream',
    };
    if (message !== undefined) headers['content-type'] = 'application/json';
    if (this.#session !== undefined) headers['mcp-session-id'] = this.#session;
    if (this.#version !== undefined) headers['mcp-protocol-version'] = this.#version;
    const body = message === undefined ? null : JSON.stringify(message);
    return request(this.#endpoint.url, { dispatcher: this.#agent, method, headers, body, signal });
  }

  /** One may be a connection that the server had just closed; with the next it is gone. */
  #networkFailed(thrown: unknown): string {
    const why = `the connection to it failed (${causeCode(thrown)})`;
    this.#networkFailures += 1;
    if (this.#networkFailures >= NETWORK_FAILURES_MAX) this.#fail(new ServerFault(why));
    return why;
  }

  #fail(error: Error): void {
    if (this.#life.signal.aborted) return;
    this.onerror?.(error);
    this.#finish();
  }

  #finish(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    for (const call of this.#calls.values()) call.abort();
    this.onclose?.();
  }
}

function isEventStream(answer: Dispatcher.ResponseData): boolean {
  return answer.statusCode === 200 && hasType(answer, 'text/event-stream');
}

function hasType({ headers }: Dispatcher.ResponseData, type: string): boolean {
  const value = headers['content-type'];
  return typeof value === 'string' && value.split(';', 1)[0]?.trim().toLowerCase() === type;
}

/** Closes the connection rather than read a body that means nothing, whatever its length. */
function discard({ body, headers }: Dispatcher.ResponseData): void {
  // It reports its own end as an error as well.
  body.on('error', () => {});
  if (headers['content-length'] === '0') body.resume();
  else body.destroy();
}

function deadline(ms: number): { readonly signal: AbortSignal; readonly clear: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ms);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}
