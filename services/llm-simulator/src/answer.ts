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
      : argumentPieces(script.args ?? sampleArguments(request.functions.get(called)));
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

/** The script's tool if the request has it, else the one that the request insists on. */
function calledTool(script: Script, request: ChatRequest): string | undefined {
  const { functions, insistsOn, results } = request;
  const scripted = script.tool !== undefined && functions.has(script.tool);
  const tool = scripted ? script.tool : insistsOn;
  // After the tool's result comes the answer in words; else the conversation would never end.
  return tool === undefined || results === 'unnamed' || results.has(tool) ? undefined : tool;
}
