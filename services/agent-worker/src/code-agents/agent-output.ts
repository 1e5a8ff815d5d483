import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent, Usage } from '@switchboard/contract';

/** Longest answer of one run, in characters, all kinds of text together. */
const ANSWER_CHARS_MAX = 32 * 1024 * 1024;
/** Most that one run may yield: an endless loop of nothing is an end, too. */
const OUTPUTS_MAX = 250_000;
const CALLS_MAX = 128;
/** OpenAI's fields of a usage that may be left out, and what stands in them. */
const DETAILS = {
  prompt_tokens_details: ['cached_tokens', 'cache_write_tokens', 'audio_tokens'],
  completion_tokens_details: [
    'reasoning_tokens',
    'audio_tokens',
    'accepted_prediction_tokens',
    'rejected_prediction_tokens',
  ],
} as const;

export interface OutputLimits {
  readonly answerChars: number;
  readonly outputs: number;
}

/**
 * What a module yields, checked and as run events. Modules need not be typed: what is no event ends
 * the run as `agent_failed`, which names the agent and the kind of the mistake, never a value.
 */
export class AgentOutput {
  readonly #agent: string;
  readonly #limits: OutputLimits;
  readonly #onUsage: (usage: Usage) => void;
  #outputs = 0;
  #chars = 0;
  #calls = 0;

  /** @param onUsage Told of tokens that were spent elsewhere. */
  constructor(
    agent: string,
    onUsage: (usage: Usage) => void,
    limits: OutputLimits = { answerChars: ANSWER_CHARS_MAX, outputs: OUTPUTS_MAX },
  ) {
    this.#agent = agent;
    this.#onUsage = onUsage;
    this.#limits = limits;
  }

  /** The event of one output; undefined where there is nothing to show. @throws `agent_failed` */
  take(output: unknown): RunEvent | undefined {
    this.#outputs += 1;
    if (this.#outputs > this.#limits.outputs) throw this.#failure('said too often something');
    if (typeof output === 'string') return this.#text('text.delta', output);
    if (!isObject(output)) throw this.#failure(`yielded ${kindOf(output)}, which is no event`);
    switch (output['type']) {
      case 'text':
        return this.#text('text.delta', output['text']);
      case 'reasoning':
        return this.#text('reasoning.delta', output['text']);
      case 'refusal':
        return this.#text('refusal.delta', output['text']);
      case 'tool_call':
        return this.#toolCall(output);
      case 'usage':
        this.#usage(output['usage']);
        return undefined;
      default:
        throw this.#failure('yielded an event of an unknown type');
    }
  }

  /** OpenAI's `finish_reason`, from what `run` returned. */
  finishReason(returned: unknown): string {
    const said = isObject(returned) ? returned['finishReason'] : undefined;
    if (typeof said === 'string' && /^\w{1,64}$/.test(said)) {
      // Calls that the model made of the agent's own tools are not the caller's to make.
      if (said !== 'tool_calls' || this.#calls > 0) return said;
    }
    return this.#calls > 0 ? 'tool_calls' : 'stop';
  }

  #text(
    type: 'text.delta' | 'reasoning.delta' | 'refusal.delta',
    text: unknown,
  ): RunEvent | undefined {
    if (typeof text !== 'string') throw this.#failure('yielded an event whose text is none');
    this.#count(text.length);
    return text === '' ? undefined : { type, text };
  }

  #usage(said: unknown): void {
    const usage = usageOf(said);
    if (usage === undefined) throw this.#failure('yielded a usage that is none');
    this.#onUsage(usage);
  }

  #toolCall({ id, name, arguments: args }: Fields): RunEvent {
    if (typeof id !== 'string' || typeof name !== 'string' || typeof args !== 'string') {
      throw this.#failure('yielded a tool_call without id, name or arguments');
    }
    if (this.#calls === CALLS_MAX) throw this.#failure(`yielded more than ${CALLS_MAX} tool_calls`);
    this.#count(id.length + name.length + args.length);
    const index = this.#calls;
    this.#calls += 1;
    return { type: 'tool.call', index, id, name, arguments: args };
  }

  #count(chars: number): void {
    this.#chars += chars;
    if (this.#chars > this.#limits.answerChars) throw this.#failure('made too long an answer');
  }

  #failure(what: string): SwitchboardError {
    return new SwitchboardError('agent_failed', `The agent ${this.#agent} ${what}.`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value;
}

/**
 * The numbers of a usage, as they are now: the module may go on counting in the same object.
 * Undefined: it has not those that every usage has.
 */
function usageOf(said: unknown): Usage | undefined {
  if (!isObject(said)) return undefined;
  const prompt = countOf(said['prompt_tokens']);
  const completion = countOf(said['completion_tokens']);
  const total = countOf(said['total_tokens']);
  if (prompt === undefined || completion === undefined || total === undefined) return undefined;
  const usage: Usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: total,
  };
  for (const [name, fields] of Object.entries(DETAILS)) {
    const details = countsOf(said[name], fields);
    if (details !== undefined) usage[name] = details;
  }
  return usage;
}

/** Undefined: there is none. */
function countsOf(said: unknown, names: readonly string[]): object | undefined {
  if (!isObject(said)) return undefined;
  const counts = names.flatMap((name) => {
    const count = countOf(said[name]);
    return count === undefined ? [] : [[name, count] as const];
  });
  return counts.length === 0 ? undefined : Object.fromEntries(counts);
}

/** Not more than can be added up: what is no number any more would be null in the event. */
function countOf(value: unknown): number | undefined {
  const isCount = typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  return isCount ? value : undefined;
}
