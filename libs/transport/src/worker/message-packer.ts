/** The events of one attempt, numbered and packed into messages that NATS can carry. */
import { type RunEnd, type RunEvent, SwitchboardError } from '@switchboard/contract';
import { MESSAGE_CHARS_MAX, MESSAGE_EVENTS_MAX, toParts } from './event-parts.ts';

const TOO_LARGE = {
  type: 'failed',
  code: 'provider_bad_response',
  message: 'One part of the answer is larger than can be carried.',
} as const;

/** What every message of the attempt says. */
export interface AttemptFacts {
  readonly attempt: number;
  /** How many earlier attempts were lost with their workers. */
  readonly lostBefore: number;
  /** Number of the next event. */
  readonly next: number;
}

export class MessagePacker {
  readonly #carries: (data: string) => boolean;
  /** Events as JSON, not yet in a message. */
  readonly #waiting: string[] = [];
  #facts: AttemptFacts = { attempt: 0, lostBefore: 0, next: 1 };

  /** `carries`: whether a message with this text is small enough for NATS. */
  constructor(carries: (data: string) => boolean) {
    this.#carries = carries;
  }

  begin(facts: AttemptFacts): void {
    this.#facts = facts;
  }

  get attempt(): number {
    return this.#facts.attempt;
  }

  /** Number of the first event that is in no message yet. */
  get next(): number {
    return this.#facts.next;
  }

  /** Whether as many events wait as one message may hold. */
  get isFull(): boolean {
    return this.#waiting.length >= MESSAGE_EVENTS_MAX;
  }

  /** @throws SwitchboardError `provider_bad_response` for an event that no message can carry */
  add(event: RunEvent): void {
    for (const json of toParts(event)) {
      if (json.length > MESSAGE_CHARS_MAX && !this.#carries(json)) {
        throw new SwitchboardError(TOO_LARGE.code, TOO_LARGE.message);
      }
      this.#waiting.push(json);
    }
  }

  /** The messages of all events that wait. */
  takeAll(): string[] {
    const messages = this.#takeFull();
    if (this.#waiting.length > 0) messages.push(this.#pack(this.#waiting.splice(0)));
    return messages;
  }

  /**
   * The messages of the last events; the very last one carries the end. An end that no message can
   * carry (a provider's huge strings) becomes a failure that says so.
   */
  takeEnd(end: RunEnd): { readonly before: readonly string[]; readonly last: string } {
    const before = this.#takeFull();
    const json = JSON.stringify(end);
    if (this.#waiting.length > 0 && !this.#fits(this.#message([...this.#waiting, json]))) {
      before.push(this.#pack(this.#waiting.splice(0)));
    }
    const last = this.#message([...this.#waiting.splice(0), json]);
    if (this.#fits(last)) return { before, last };
    return { before, last: this.#message([JSON.stringify(TOO_LARGE)]) };
  }

  /** A message without events: a sign of life. */
  heartbeat(): string {
    return this.#message([]);
  }

  /** The last message of an attempt that is handed back unfinished. */
  handBack(): string {
    return this.#message([], ',"back":true');
  }

  #fits(data: string): boolean {
    // As most do, so their bytes are not counted.
    return data.length < MESSAGE_CHARS_MAX * 2 || this.#carries(data);
  }

  /** Packs events for as long as there is more than one message's worth. */
  #takeFull(): string[] {
    const messages: string[] = [];
    let chars = 0;
    let from = 0;
    for (const [index, json] of this.#waiting.entries()) {
      const full = index - from >= MESSAGE_EVENTS_MAX || chars + json.length > MESSAGE_CHARS_MAX;
      if (index > from && full) {
        messages.push(this.#pack(this.#waiting.slice(from, index)));
        from = index;
        chars = 0;
      }
      chars += json.length;
    }
    this.#waiting.splice(0, from);
    return messages;
  }

  #pack(events: readonly string[]): string {
    const data = this.#message(events);
    this.#facts = { ...this.#facts, next: this.next + events.length };
    return data;
  }

  /** Of events that are JSON already; the counterpart of the contract's encodeEvents. */
  #message(events: readonly string[], back = ''): string {
    const { attempt, lostBefore, next } = this.#facts;
    const lost = lostBefore === 0 ? '' : `,"l":${lostBefore}`;
    return `{"a":${attempt},"n":${next}${lost},"e":[${events.join(',')}]${back}}`;
  }
}
