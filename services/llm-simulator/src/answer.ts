import type { ChatRequest } from './chat-request.ts';
import { sampleArguments } from './sample-arguments.ts';
import type { Script } from './script.ts';
import { argumentPieces, reasoningTokens, textTokens } from './token-text.ts';

export type FinishReason = 'stop' | 'length' | 'content_filter' | 'tool_calls';

/** All that will be said, known before the first token is sent. */
export interface Answer {
  readonly reasoning: readonly string[];
  /** Pieces of the text, or of the call's arguments if there is a `tool`. */
  readonly spoken: readonly string[];
  /** Name of the function that is called. */
  readonly tool?: string;
  /** What is called beside it; no tokens of their own. */
  readonly moreCalls: readonly Call[];
  /** Absent: made of the answer's id. */
  readonly callId?: string;
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
}

export interface Call {
  readonly name: string;
  /** JSON. */
  readonly args: string;
}

/** The id of an answer's call, counted from 0. */
export function callIdOf({ callId }: Answer, answerId: string, position: number): string {
  const first = callId ?? `call_${answerId}`;
  return position === 0 ? first : `${first}_${position}`;
}

/** Number of tokens of an answer: reasoning counts like the rest. */
export function tokenCount(answer: Answer): number {
  return answer.reasoning.length + answer.spoken.length;
}

/** What a script answers to a request. */
export function composeAnswer(script: Script, request: ChatRequest): Answer {
  const reasoning = reasoningTokens(script.reasoningTokens);
  const [called, ...others] = calledTools(script, request);
  const argsOf = (name: string): string => {
    return script.args ?? sampleArguments(request.functions.get(name));
  };
  const spoken =
    called === undefined
      ? textTokens(script.text, request, script.tokens)
      : argumentPieces(argsOf(called));
  const whole = {
    reasoning,
    spoken,
    ...(called === undefined ? {} : { tool: called }),
    moreCalls: others.map((name) => ({ name, args: argsOf(name) })),
    ...(script.callId === undefined ? {} : { callId: script.callId }),
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

/** The script's functions, so far as the request has them, else the one that it insists on. */
function calledTools(script: Script, request: ChatRequest): readonly string[] {
  const { alwaysCalls, tools } = script;
  const { functions, insistsOn, results } = request;
  const steps = tools
    .map((names) => names.filter((name) => alwaysCalls || functions.has(name)))
    .filter((names) => names.length > 0);
  if (steps.length === 0 && insistsOn !== undefined) steps.push([insistsOn]);
  const isAfter = (name: string): boolean => results !== 'unnamed' && results.has(name);
  const next = steps.findLastIndex((names) => names.some((name) => isAfter(name))) + 1;
  if (alwaysCalls) return steps[next % steps.length] ?? [];
  // After the last result comes the answer in words; else the conversation would never end.
  return results === 'unnamed' ? [] : (steps[next] ?? []);
}
