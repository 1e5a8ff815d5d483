import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';

import type { NatsCredentials } from './nats-access.ts';

const TIMEOUT_MS = 2_000;

export interface AskOptions {
  /** Default 2,000 ms. */
  readonly timeoutMs?: number;
  readonly credentials?: NatsCredentials | undefined;
}

/** Of an answer of the JetStream API, as far as it is looked at here. */
export interface JetStreamAnswer {
  readonly error?: { readonly err_code?: number; readonly description?: string };
  readonly cluster?: {
    /** Absent during an election. */
    readonly leader?: string;
    readonly replicas?: readonly { readonly name: string; readonly current: boolean }[];
  };
  /** Of STREAM.INFO. */
  readonly state?: { readonly messages: number };
  /** Of STREAM.NAMES. */
  readonly streams?: readonly string[] | null;
  /** Of CONSUMER.NAMES. */
  readonly consumers?: readonly string[] | null;
}

/**
 * Asks the JetStream API of the nats-server at a port of 127.0.0.1: `call` is what stands after
 * `$JS.API.`. Speaks just enough of NATS's protocol for that. Throws when there is no answer in
 * time, as during an election; an error that the API answers is part of the answer.
 */
export async function askJetStream(
  port: number,
  call: string,
  question: object = {},
  { timeoutMs = TIMEOUT_MS, credentials }: AskOptions = {},
): Promise<JetStreamAnswer> {
  const inbox = `_INBOX.${randomUUID()}`;
  const json = JSON.stringify(question);
  const socket = connect({ port, host: '127.0.0.1', signal: AbortSignal.timeout(timeoutMs) });
  try {
    const publish = `PUB $JS.API.${call} ${inbox} ${Buffer.byteLength(json)}\r\n${json}\r\n`;
    socket.write(`CONNECT ${greeting(credentials)}\r\nSUB ${inbox} 1\r\n${publish}`);
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const answer = messageIn(received, inbox);
      // The server that is asked is ours, so its answer has the shape that NATS documents.
      if (answer !== undefined) return JSON.parse(answer) as JetStreamAnswer;
    }
    throw new Error('the connection was closed without an answer');
  } catch (error) {
    throw new Error(`no answer to ${call}`, { cause: error });
  } finally {
    socket.destroy();
  }
}

/** What a client says of itself first. */
function greeting(credentials: NatsCredentials | undefined): string {
  const { user, password: pass } = credentials ?? {};
  return JSON.stringify({ verbose: false, user, pass });
}

/** The data of the first message to `inbox`; undefined while it is not whole. */
function messageIn(received: Buffer, inbox: string): string | undefined {
  const head = received.indexOf(`MSG ${inbox} `);
  const headEnd = received.indexOf('\r\n', head);
  if (head === -1 || headEnd === -1) return undefined;
  const length = Number(received.subarray(head, headEnd).toString().split(' ').at(-1));
  const data = received.subarray(headEnd + 2, headEnd + 2 + length);
  return data.length < length ? undefined : data.toString();
}
