import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { Answer, ProviderRequest } from '../runner/chat-provider.ts';

/** Longest answer that is checked, in characters. */
const TEXT_CHARS_MAX = 1_048_576;

export interface SchemaChecker {
  /** What is wrong with `text` as JSON of this schema; undefined: nothing. */
  check(schema: object, text: string, signal: AbortSignal): Promise<string | undefined>;
}

/** The schema that an answer must have; undefined: it is free, or a wish is all it was. */
export function strictSchema(body: ProviderRequest): object | undefined {
  const format = fieldsOf(fieldsOf(body['response_format'])?.['json_schema']);
  return format?.['strict'] === true ? fieldsOf(format['schema']) : undefined;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isFields(value) ? value : undefined;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * An answer whose text is held against the caller's schema before it counts as completed. An answer
 * that was cut, was refused or calls a tool is no such text, and passes.
 */
export class CheckedAnswer implements Answer {
  readonly #answer: Answer;
  readonly #check: (text: string) => Promise<string | undefined>;
  #text = '';
  #isExempt = false;
  /** Told behind the events that came before it. */
  #failure: SwitchboardError | undefined;

  constructor(answer: Answer, check: (text: string) => Promise<string | undefined>) {
    this.#answer = answer;
    this.#check = check;
  }

  /** @throws SwitchboardError `invalid_structured_output` in the place of `completed` */
  async read(into: RunEvent[]): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    const start = into.length;
    const more = await this.#answer.read(into);
    for (const event of into.slice(start)) this.#take(event);
    const end = into.at(-1);
    if (more || end?.type !== 'completed' || end.finishReason !== 'stop' || this.#isExempt) {
      return more;
    }
    const problem = await this.#problem();
    if (problem === undefined) return false;
    into.pop();
    const message = `The answer does not fit the schema of response_format: ${problem}.`;
    this.#failure = new SwitchboardError('invalid_structured_output', message);
    if (into.length === start) throw this.#failure;
    return true;
  }

  close(): void {
    this.#answer.close();
  }

  #take(event: RunEvent): void {
    if (event.type === 'refusal.delta' || event.type === 'tool.call') this.#isExempt = true;
    if (event.type !== 'text.delta' || this.#text.length > TEXT_CHARS_MAX) return;
    this.#text += event.text;
  }

  async #problem(): Promise<string | undefined> {
    if (this.#text.length > TEXT_CHARS_MAX) return 'it is too long to be checked';
    return await this.#check(this.#text);
  }
}
