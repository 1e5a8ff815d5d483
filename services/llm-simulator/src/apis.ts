import type { Answer } from './answer.ts';
import { readChatRequest, type ChatRequest } from './chat-request.ts';
import { readResponseRequest } from './response-request.ts';
import { ResponseWriter } from './response-writer.ts';
import { ChunkWriter, type AnswerWriter, type Envelope } from './wire.ts';

/** One of OpenAI's APIs: the same answers, asked for and written in its own way. */
export interface Api {
  /** Its ids begin with it. */
  readonly idPrefix: string;
  /** @throws {RequestError} */
  read(body: string): ChatRequest;
  writer(answer: Answer, envelope: Envelope, includeUsage: boolean): AnswerWriter;
}

export const CHAT_COMPLETIONS: Api = {
  idPrefix: 'chatcmpl-',
  read: readChatRequest,
  writer: (...parts) => new ChunkWriter(...parts),
};

export const RESPONSES: Api = {
  idPrefix: '',
  read: readResponseRequest,
  writer: (answer, envelope) => new ResponseWriter(answer, envelope),
};
