import { callIdOf, tokenCount, type Answer } from './answer.ts';
import { STREAM_ERROR, type AnswerWriter, type Envelope } from './wire.ts';

/** Writes one answer as OpenAI's Responses API has it: events of output items, or one response. */
export class ResponseWriter implements AnswerWriter {
  readonly #answer: Answer;
  readonly #envelope: Envelope;
  #sequence = 0;

  constructor(answer: Answer, envelope: Envelope) {
    this.#answer = answer;
    this.#envelope = envelope;
  }

  opening(): string {
    const response = this.#response('in_progress', []);
    const begun = this.#event('response.created', { response });
    const first = this.#answer.reasoning.length > 0 ? 'reasoning' : 'spoken';
    return begun + this.#event('response.in_progress', { response }) + this.#open(first);
  }

  token(position: number): string {
    const { reasoning, spoken, tool } = this.#answer;
    if (position < reasoning.length) {
      const delta = reasoning[position];
      const part = { item_id: this.#id('rs'), output_index: 0, content_index: 0, delta };
      return this.#event('response.reasoning_text.delta', part);
    }
    const turn = reasoning.length > 0 && position === reasoning.length;
    const before = turn ? this.#close('reasoning') + this.#open('spoken') : '';
    const delta = spoken[position - reasoning.length];
    const at = { item_id: this.#id(tool === undefined ? 'msg' : 'fc'), output_index: this.#place };
    if (tool !== undefined) {
      return before + this.#event('response.function_call_arguments.delta', { ...at, delta });
    }
    const text = { ...at, content_index: 0, delta, logprobs: [] };
    return before + this.#event('response.output_text.delta', text);
  }

  closing(): string {
    const { reasoning, spoken } = this.#answer;
    const last = reasoning.length > 0 && spoken.length === 0 ? 'reasoning' : 'spoken';
    const response = this.#whole();
    return (
      this.#close(last) +
      this.#moreCalls() +
      this.#event(`response.${response['status'] as string}`, { response })
    );
  }

  broken(): string {
    return 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","del\n\n';
  }

  failure(): string {
    const { message, type: code } = STREAM_ERROR;
    return this.#event('error', { code, message, param: null });
  }

  wholeJson(): string {
    return JSON.stringify(this.#whole());
  }

  failureJson(): string {
    const { message, type: code } = STREAM_ERROR;
    return JSON.stringify({ ...this.#response('failed', []), error: { code, message } });
  }

  /** Of what is spoken, in the output. */
  get #place(): number {
    return this.#answer.reasoning.length > 0 ? 1 : 0;
  }

  #open(kind: Kind): string {
    const item = this.#item(kind, 'in_progress');
    const output_index = kind === 'reasoning' ? 0 : this.#place;
    const added = this.#event('response.output_item.added', { output_index, item });
    if (item['type'] !== 'message') return added;
    const part = { type: 'output_text', text: '', annotations: [], logprobs: [] };
    const at = { item_id: item['id'], output_index, content_index: 0 };
    return added + this.#event('response.content_part.added', { ...at, part });
  }

  #close(kind: Kind): string {
    const item = this.#item(kind, 'completed');
    const output_index = kind === 'reasoning' ? 0 : this.#place;
    const at = { item_id: item['id'], output_index };
    let spoken = '';
    if (item['type'] === 'function_call') {
      const { arguments: text } = item;
      spoken = this.#event('response.function_call_arguments.done', { ...at, arguments: text });
    } else if (item['type'] === 'message') {
      const text = this.#answer.spoken.join('');
      spoken = this.#event('response.output_text.done', { ...at, content_index: 0, text });
    }
    return spoken + this.#event('response.output_item.done', { output_index, item });
  }

  #item(kind: Kind, status: 'in_progress' | 'completed'): Record<string, unknown> {
    const { reasoning, spoken, tool } = this.#answer;
    const isDone = status === 'completed';
    if (kind === 'reasoning') {
      const text = reasoning.join('');
      const content = isDone ? [{ type: 'reasoning_text', text }] : [];
      return { id: this.#id('rs'), type: 'reasoning', summary: [], content };
    }
    const said = isDone ? spoken.join('') : '';
    if (tool !== undefined) {
      const id = this.#id('fc');
      const call_id = callIdOf(this.#answer, this.#envelope.id, 0);
      return { id, type: 'function_call', status, call_id, name: tool, arguments: said };
    }
    const text = { type: 'output_text', text: said, annotations: [], logprobs: [] };
    const content = isDone ? [text] : [];
    return { id: this.#id('msg'), type: 'message', status, role: 'assistant', content };
  }

  /** The calls beside the first one, each in one piece. */
  #moreCalls(): string {
    const items = this.#moreItems().map((item, index) => {
      const output_index = this.#place + 1 + index;
      const { arguments: text } = item;
      const begun = { ...item, status: 'in_progress', arguments: '' };
      const at = { item_id: item['id'], output_index };
      return (
        this.#event('response.output_item.added', { output_index, item: begun }) +
        this.#event('response.function_call_arguments.delta', { ...at, delta: text }) +
        this.#event('response.function_call_arguments.done', { ...at, arguments: text }) +
        this.#event('response.output_item.done', { output_index, item })
      );
    });
    return items.join('');
  }

  #moreItems(): readonly Record<string, unknown>[] {
    return this.#answer.moreCalls.map(({ name, args }, index) => ({
      id: `${this.#id('fc')}_${index + 1}`,
      type: 'function_call',
      status: 'completed',
      call_id: callIdOf(this.#answer, this.#envelope.id, index + 1),
      name,
      arguments: args,
    }));
  }

  #whole(): Record<string, unknown> {
    const { finishReason, promptTokens, reasoning, spoken } = this.#answer;
    const kinds: Kind[] = reasoning.length > 0 ? ['reasoning'] : [];
    if (spoken.length > 0 || kinds.length === 0) kinds.push('spoken');
    const said = kinds.map((kind) => this.#item(kind, 'completed'));
    const output = [...said, ...this.#moreItems()];
    const cut = finishReason === 'length' || finishReason === 'content_filter';
    const reason = finishReason === 'length' ? 'max_output_tokens' : finishReason;
    const outputTokens = tokenCount(this.#answer);
    return {
      ...this.#response(cut ? 'incomplete' : 'completed', output),
      incomplete_details: cut ? { reason } : null,
      usage: {
        input_tokens: promptTokens,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: outputTokens,
        output_tokens_details: { reasoning_tokens: reasoning.length },
        total_tokens: promptTokens + outputTokens,
      },
    };
  }

  #response(status: string, output: readonly object[]): Record<string, unknown> {
    const { createdSeconds, model } = this.#envelope;
    return {
      id: this.#id('resp'),
      object: 'response',
      created_at: createdSeconds,
      status,
      error: null,
      incomplete_details: null,
      model,
      output,
      usage: null,
    };
  }

  #event(type: string, rest: object): string {
    const data = JSON.stringify({ type, sequence_number: this.#sequence, ...rest });
    this.#sequence += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  }

  #id(prefix: string): string {
    return `${prefix}_${this.#envelope.id}`;
  }
}

type Kind = 'reasoning' | 'spoken';
