import type { AgentRequest, Message } from '@switchboard/agent';
import type { RunRequest } from '@switchboard/contract';
import type { RunnerContext } from '../runner/runner-context.ts';

/** The request as a module is given it. */
export function agentRequest(request: RunRequest, context: RunnerContext): AgentRequest {
  const { messages, ...parameters } = request.chat;
  const { run, requestId, attempt } = context;
  return {
    // The gateway has checked them.
    messages: messages as unknown as Message[],
    prompt: promptOf(messages),
    parameters,
    model: request.model,
    stream: request.stream,
    run,
    requestId,
    attempt,
  };
}

function promptOf(messages: RunRequest['chat']['messages']): string {
  const content = messages.findLast(({ role }) => role === 'user')?.['content'];
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: unknown) => textOf(part)).join('');
}

function textOf(part: unknown): string {
  if (typeof part !== 'object' || part === null || !('text' in part)) return '';
  return typeof part.text === 'string' ? part.text : '';
}
