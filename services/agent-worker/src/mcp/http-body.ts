/** Bodies of an MCP server's answers, read no further than a message may be long. */
import { createParser } from 'eventsource-parser';
import type { EventSourceParser } from 'eventsource-parser';
import type { Dispatcher } from 'undici';
import { MESSAGE_LENGTH_MAX } from './message-gate.ts';
import { ServerFault } from './server-fault.ts';

/** @returns undefined when it is too long: its connection is closed then */
export async function readWhole(
  body: Dispatcher.ResponseData['body'],
): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  // Leaving the loop early closes the connection.
  for await (const part of body as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MESSAGE_LENGTH_MAX) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Cuts a byte stream into the data of its server-sent events. */
export class EventReader {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  #tooLong = false;

  /** @param onData what it throws, `take` throws */
  constructor(onData: (data: string) => void) {
    this.#parser = createParser({
      maxBufferSize: MESSAGE_LENGTH_MAX,
      // Other kinds of events are not MCP's, and those without data only keep the stream open.
      onEvent: ({ event, data }) => {
        if (data !== '' && (event === undefined || event === 'message')) onData(data);
      },
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') this.#tooLong = true;
      },
    });
  }

  /** @throws ServerFault when an event is too long */
  take(bytes: Buffer): void {
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }));
    if (this.#tooLong) throw new ServerFault('it sent an event that is too long');
  }
}
