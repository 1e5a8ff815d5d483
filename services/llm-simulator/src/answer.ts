import { fields, type ChatRequest } from './chat-request.ts';
import type { Script } from './script.ts';
import { pieces, reasoningTokens, textTokens } from './token-text.ts';

export type FinishReason = 'stop' | 'length' | 'content_filter' | 'tool_calls';

/** All that will be said, known before the first token is sent. */
export interface Answer {
  readonly reasoning: readonly string[];
  /** Pieces of the text, or of the call's arguments if there is a `tool`. */
  readonly spoken: readonly string[];
  /** Name of the function that is called. */
  readonly tool?: string;
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
}

/** Number of tokens of an answer: reasoning counts like the rest. */
export function tokenCount(answer: Answer): number {
  return answer.reasoning.length + answer.spoken.length;
}

/** What a script answers to a request. */
export function composeAnswer(script: Script, request: ChatRequest): Answer {
  const reasoning = reasoningTokens(script.reasoningTokens);
  const called = calledTool(script, request);
  const spoken =
    called === undefined
      ? textTokens(script.text, request, script.tokens)
      : pieces(sampleArguments(request.functions.get(called)));
  const whole = {
    reasoning,
    spoken,
    ...(called === undefined ? {} : { tool: called }),
    finishReason: script.finish ?? (called === undefined ? 'stop' : 'tool_calls'),
    promptTokens: Math.ceil(request.body.length / 4),
  } satisfies Answer;
  if (tokenCount(whole) <= request.tokensMax) return whole;
  const reasoned = reasoning.slice(0, request.tokensMax);
  return {
    ...whole,
    reasoning: reasoned,
    spoken: spoken.slice(0, request.tokensMax - reasoned.length),
    finishReason: 'length',
  };
}

function calledTool(script: Script, request: ChatRequest): string | undefined {
  // After the tool's result comes the answer in words; else the conversation would never end.
  if (script.tool === undefined || request.endsWithToolResult) return undefined;
  return request.functions.has(script.tool) ? script.tool : undefined;
}

/** Arguments that fit the types and enumerations of a flat schema. */
function sampleArguments(schema: unknown): string {
  const properties = fields(fields(schema)?.['properties']) ?? {};
  const samples = Object.entries(properties).map(([name, property]) => [name, sample(property)]);
  return JSON.stringify(Object.fromEntries(samples), null, 1);
}

function sample(property: unknown): unknown {
  const { type, enum: choices } = fields(property) ?? {};
  if (Array.isArray(choices)) return choices[0];
  switch (type) {
    case 'number':
    case 'integer':
      return 1;
    case 'boolean':
      return true;
    case 'array':
      return [];
    case 'object':
      return {};
    default:
      return 'simulated value';
  }
}
