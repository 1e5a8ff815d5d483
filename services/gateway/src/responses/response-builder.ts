/** From run events to a response and its stream. */
import type { RunEvent } from '@switchboard/contract';
import { AnswerItems } from './answer-items.ts';
import type { EventDraft } from './event-draft.ts';
import type {
  ResponseEcho,
  ResponseObject,
  ResponseStatus,
  ResponseUsage,
} from './response-schema.ts';
import type { ResponseStreamEvent } from './stream-event-schema.ts';
import { responseUsage } from './usage.ts';

export type { ResponseObject, ResponseStreamEvent };

/** What is known of a response when it is accepted. */
export interface ResponseHead {
  /** `resp_<run>`. */
  readonly id: string;
  /** When it was accepted, milliseconds since 1970. */
  readonly createdAtMs: number;
  /** The model name the caller sent. */
  readonly model: string;
  readonly background: boolean;
  readonly echo: ResponseEcho;
}

const PREFIX = 'resp_';

type IncompleteReason = NonNullable<ResponseObject['incomplete_details']>['reason'];

/** `finish_reason`s of chat completions that mean a cut, under their names here. */
const CUTS: Readonly<Record<string, IncompleteReason>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

/**
 * Turns the events of one run, from its first, into the events of its stream. Pure: the same run
 * events give the same stream in every gateway and on every replay.
 *
 * I1  Events are numbered from 0 without gaps: the two of {@link opening}, then those of
 *     {@link take}.
 * I2  A run that has ended ends the stream once, by `response.completed`, `.failed` or
 *     `.incomplete`. A cancelled run ends it by `response.incomplete` too, whose response says
 *     `cancelled`: neither the standard nor OpenAI has an event of its own for that.
 * I3  Every item that was begun is closed before the stream ends. When an attempt was lost and
 *     another one takes its place, its open items are closed as incomplete; the response has the
 *     items of the last attempt only, as its text would otherwise hold the beginning twice.
 */
export class ResponseBuilder {
  readonly #head: ResponseHead;
  readonly #items: AnswerItems;
  #next = 2;
  #status: ResponseStatus = 'queued';
  #usage: ResponseUsage | null = null;
  #completedAt: number | null = null;
  #cut: IncompleteReason | undefined;
  #error: ResponseObject['error'] = null;
  #serviceTier: string | undefined;

  constructor(head: ResponseHead) {
    this.#head = head;
    this.#items = new AnswerItems(head.id.slice(PREFIX.length));
  }

  /** As of now. Later events do not change it. */
  get response(): ResponseObject {
    const { id, createdAtMs, model, background, echo } = this.#head;
    return {
      id,
      object: 'response',
      created_at: seconds(createdAtMs),
      completed_at: this.#completedAt,
      status: this.#status,
      incomplete_details: this.#cut === undefined ? null : { reason: this.#cut },
      error: this.#error,
      model,
      output: this.#items.items(),
      usage: this.#usage,
      background,
      ...echo,
      service_tier: this.#serviceTier ?? echo.service_tier,
    };
  }

  /** Number of the last event that was given out; 1 before the first run event. */
  get lastSequenceNumber(): number {
    return this.#next - 1;
  }

  /** Whether the run has ended. */
  get ended(): boolean {
    return this.#status !== 'queued' && this.#status !== 'in_progress';
  }

  /** `response.created` and `response.queued`, numbers 0 and 1. Call before the first event. */
  opening(): readonly ResponseStreamEvent[] {
    if (this.#status !== 'queued') throw new TypeError('the run has begun');
    const { response } = this;
    return [
      { type: 'response.created', sequence_number: 0, response },
      { type: 'response.queued', sequence_number: 1, response },
    ];
  }

  /**
   * The next events of the stream, from the next event of the run. What comes after the end of a
   * run is nothing.
   *
   * @throws SwitchboardError `provider_bad_response` when the answer outgrows its bound.
   */
  take(event: RunEvent): readonly ResponseStreamEvent[] {
    if (this.ended) return [];
    switch (event.type) {
      case 'started':
        return this.#start();
      case 'text.delta':
        return this.#numbered(this.#items.text(event.text, event.logprobs));
      case 'reasoning.delta':
        return this.#numbered(this.#items.reasoning(event.text));
      case 'refusal.delta':
        return this.#numbered(this.#items.refusal(event.text));
      case 'tool.call':
        return this.#numbered(this.#items.call(event));
      case 'tool.started':
        return this.#numbered(this.#items.toolStarted(event));
      case 'tool.result':
        return this.#numbered(this.#items.toolEnded(event));
      case 'usage':
        this.#usage = responseUsage(event.usage);
        break;
      case 'completed':
        return this.#complete(event);
      case 'failed':
        this.#error = { code: event.code, message: event.message };
        return this.#end('failed', 'response.failed', this.#items.abandon());
      case 'cancelled':
        return this.#end('cancelled', 'response.incomplete', this.#items.abandon());
    }
    return [];
  }

  #start(): readonly ResponseStreamEvent[] {
    if (this.#status === 'queued') {
      this.#status = 'in_progress';
      return this.#numbered([{ type: 'response.in_progress', response: this.response }]);
    }
    this.#usage = null;
    return this.#numbered(this.#items.restart());
  }

  #complete(event: Extract<RunEvent, { type: 'completed' }>): readonly ResponseStreamEvent[] {
    this.#serviceTier = event.serviceTier;
    this.#cut = Object.hasOwn(CUTS, event.finishReason) ? CUTS[event.finishReason] : undefined;
    const drafts = this.#items.finish(this.#cut !== undefined);
    if (this.#cut !== undefined) return this.#end('incomplete', 'response.incomplete', drafts);
    this.#completedAt = this.#completion(event.atMs);
    return this.#end('completed', 'response.completed', drafts);
  }

  /** By the worker's clock: a response is never over before it was made. */
  #completion(atMs: number | undefined): number | null {
    return atMs === undefined ? null : seconds(Math.max(atMs, this.#head.createdAtMs));
  }

  #end(
    status: ResponseStatus,
    type: 'response.completed' | 'response.failed' | 'response.incomplete',
    drafts: readonly EventDraft[],
  ): readonly ResponseStreamEvent[] {
    this.#status = status;
    return this.#numbered([...drafts, { type, response: this.response }]);
  }

  #numbered(drafts: readonly EventDraft[]): readonly ResponseStreamEvent[] {
    return drafts.map((draft) => {
      const event: ResponseStreamEvent = { ...draft, sequence_number: this.#next };
      this.#next += 1;
      return event;
    });
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
