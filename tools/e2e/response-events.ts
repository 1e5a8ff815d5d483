/** The events of a streamed response, as the SDK gives them out. */
import assert from 'node:assert/strict';

import type OpenAI from 'openai';

export type StreamEvent = OpenAI.Responses.ResponseStreamEvent;

export async function allOf(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** Reads until some text has come, and leaves. */
export async function someOf(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (textOf(events).split(' ').length > 5) return events;
  }
  throw new Error('the stream ended before it was left');
}

export function textOf(events: readonly StreamEvent[]): string {
  return events
    .map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''))
    .join('');
}

export function idOf(events: readonly StreamEvent[]): string {
  const [created] = events;
  assert.ok(created?.type === 'response.created');
  return created.response.id;
}

/** Types in their order, without `response.` and with blanks between; repeated ones count once. */
export function orderOf(events: readonly { readonly type: string }[]): string {
  const types = events.map(({ type }) => type.replace('response.', ''));
  return types.filter((type, index) => type !== types[index - 1]).join(' ');
}

export function assertNumbered(events: readonly StreamEvent[], from = 0): void {
  assert.deepEqual(
    events.map(({ sequence_number: number }) => number),
    events.map((_, index) => from + index),
  );
}

/** Reads as far as it is told to, and stays. */
export class StayingReader {
  readonly #events: StreamEvent[] = [];
  readonly #reading: AsyncIterator<StreamEvent>;

  constructor(stream: AsyncIterable<StreamEvent>) {
    this.#reading = stream[Symbol.asyncIterator]();
  }

  get id(): string {
    return idOf(this.#events);
  }

  get words(): number {
    return textOf(this.#events).split(' ').length;
  }

  async read(words: number): Promise<void> {
    while (this.words < words) {
      const { done, value } = await this.#reading.next();
      assert.ok(done !== true, 'the stream ended under its reader');
      this.#events.push(value);
    }
  }

  async leave(): Promise<void> {
    await this.#reading.return?.();
  }
}
