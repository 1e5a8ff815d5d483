import type { ProviderSettings } from '@switchboard/contract';
import type { ProviderRequest } from '../runner/chat-provider.ts';
import { AnswerEvents } from './answer-events.ts';
import type { ChunkEvents } from './answers.ts';
import { ResponseEvents } from './response-events.ts';
import { responseRequest } from './response-request.ts';

/** One of OpenAI's APIs: where it is, and how it says what chat completions say. */
export interface Api {
  readonly path: string;
  requestOf(body: ProviderRequest): object;
  /** @param secrets What may not stand in a public message. */
  events(secrets: readonly string[]): ChunkEvents;
}

const CHAT_COMPLETIONS: Api = {
  path: '/chat/completions',
  requestOf: (body) => body,
  events: (secrets) => new AnswerEvents(secrets),
};

const RESPONSES: Api = {
  path: '/responses',
  requestOf: responseRequest,
  events: (secrets) => new ResponseEvents(secrets),
};

export function apiOf(name: ProviderSettings['api'] = 'chat_completions'): Api {
  return name === 'responses' ? RESPONSES : CHAT_COMPLETIONS;
}
