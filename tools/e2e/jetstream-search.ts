import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { runClaim, runLog } from '@switchboard/contract';
import type { NatsServer } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

const TIMEOUT_MS = 30_000;
const EMPTY = Buffer.alloc(0);

interface Stored {
  readonly message?: {
    readonly subject: string;
    readonly seq: number;
    readonly data?: string;
    readonly hdrs?: string;
  };
}

interface Sought {
  readonly needles: readonly string[];
  readonly found: Set<string>;
}

/**
 * Makes a queued run look as if it had been lost three times with its workers: the next one that
 * takes it gives it up.
 */
export async function loseThreeTimes(search: JetStreamSearch, run: string): Promise<void> {
  const started = { type: 'started', worker: 'lost' };
  for (let a = 1; a <= 3; a += 1) {
    await search.store(runClaim(run), { a, n: 1, l: a, e: [started] });
  }
  // Handed back, so that nobody has to wait until the last claim has run out.
  await search.store(runLog(run, 3), { a: 3, n: 2, l: 3, e: [], back: true });
}

/**
 * Looks through everything that NATS keeps, past all code of ours: streams, and with them buckets
 * and object stores. Speaks just enough of NATS's protocol to ask the JetStream API.
 */
export class JetStreamSearch {
  readonly #socket: Socket;
  #received: Buffer = EMPTY;
  #onAnswer: ((answer: unknown) => void) | undefined;
  /** Who came while a pass went on: the next one is for all of them. */
  #next: { readonly sought: Sought[]; readonly pass: Promise<void> } | undefined;
  #last: Promise<void> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data: Buffer) => {
      this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
      this.#take();
    });
    socket.on('error', () => undefined);
  }

  static async open({ access, port }: NatsServer): Promise<JetStreamSearch> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const { user, password: pass } = access?.operator ?? {};
    const greeting = JSON.stringify({ verbose: false, headers: true, user, pass });
    socket.write(`CONNECT ${greeting}\r\nSUB answers 1\r\n`);
    return new JetStreamSearch(socket);
  }

  close(): void {
    this.#socket.destroy();
  }

  /**
   * Subjects of all messages, in any stream, with a needle in their subject, headers or data. Only
   * what is stored after the call began is certain to be as it says.
   */
  async find(needles: readonly string[]): Promise<readonly string[]> {
    const one: Sought = { needles, found: new Set() };
    this.#next ??= this.#plan();
    this.#next.sought.push(one);
    await this.#next.pass;
    return [...one.found];
  }

  /** Stores a message as anybody may who can reach NATS. */
  async store(subject: string, message: object): Promise<void> {
    const answer = (await this.#request(subject, message)) as { seq?: number };
    if (answer.seq === undefined) throw new Error(`${subject} was not stored`);
  }

  #plan(): { sought: Sought[]; pass: Promise<void> } {
    const sought: Sought[] = [];
    const pass = this.#last.then(async () => {
      this.#next = undefined;
      await this.#search(sought);
    });
    this.#last = pass.catch(() => undefined);
    return { sought, pass };
  }

  async #search(sought: readonly Sought[]): Promise<void> {
    const { streams } = (await this.#ask('STREAM.NAMES', {})) as { streams?: readonly string[] };
    for (const stream of streams ?? []) {
      for (let seq = 1; ; seq += 1) {
        const question = { next_by_subj: '>', seq };
        const { message } = (await this.#ask(`STREAM.MSG.GET.${stream}`, question)) as Stored;
        if (message === undefined) break;
        const parts = [message.hdrs, message.data].map((part) => Buffer.from(part ?? '', 'base64'));
        const texts = [message.subject, ...parts.map((part) => part.toString('latin1'))];
        for (const { found, needles } of sought) {
          const holds = (needle: string) => texts.some((text) => text.includes(needle));
          if (needles.some(holds)) found.add(message.subject);
        }
        seq = message.seq;
      }
    }
  }

  async #ask(call: string, question: object): Promise<unknown> {
    return await this.#request(`$JS.API.${call}`, question);
  }

  /** One at a time. */
  async #request(subject: string, question: object): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#onAnswer = resolve;
    const json = JSON.stringify(question);
    this.#socket.write(`PUB ${subject} answers ${Buffer.byteLength(json)}\r\n${json}\r\n`);
    return await until(() => promise, { what: subject, timeoutMs: TIMEOUT_MS });
  }

  /** Takes everything that is whole from what was received. */
  #take(): void {
    for (;;) {
      const headEnd = this.#received.indexOf('\r\n');
      if (headEnd === -1) return;
      const head = this.#received.subarray(0, headEnd).toString();
      let end = headEnd + 2;
      if (head.startsWith('MSG ')) {
        const dataEnd = end + Number(head.split(' ').at(-1));
        if (this.#received.length < dataEnd + 2) return;
        this.#onAnswer?.(JSON.parse(this.#received.subarray(end, dataEnd).toString()));
        end = dataEnd + 2;
      } else if (head === 'PING') {
        this.#socket.write('PONG\r\n');
      }
      this.#received = this.#received.subarray(end);
    }
  }
}
