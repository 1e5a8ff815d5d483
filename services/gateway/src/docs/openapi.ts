/** The OpenAPI 3.1 document, made once from the schemas that check requests. */
import { STATUS_CODES } from 'node:http';
import { ERROR_CODES } from '@switchboard/contract';
import { z } from 'zod';
import { ChatCompletionBody } from '../chat/chat-schema.ts';
import { HTTP_ERRORS } from '../http-errors/http-errors.ts';
import {
  ChatCompletionChunkSchema,
  ChatCompletionSchema,
  ErrorSchema,
  HealthSchema,
  ModelListSchema,
  ModelSchema,
} from './answer-schemas.ts';

const SCHEMAS = {
  ChatCompletionRequest: ChatCompletionBody,
  ChatCompletion: ChatCompletionSchema,
  ChatCompletionChunk: ChatCompletionChunkSchema,
  Model: ModelSchema,
  ModelList: ModelListSchema,
  Error: ErrorSchema,
  Health: HealthSchema,
} as const;

type SchemaName = keyof typeof SCHEMAS;

const reference = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: SchemaName) => ({ 'application/json': { schema: reference(name) } });
const answer = (name: SchemaName, description: string) => ({ description, content: json(name) });

/** Never sent as a status of its own: nobody is left to read it. */
const UNSENT_STATUS = 499;
const CHAT_STATUSES = [400, 404, 408, 413, 415, 429, 500, 502, 503, 504];

export function openApiDocument(version: string): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Switchboard',
      version,
      description: "Agents behind OpenAI's chat completions API, with a fair, bounded queue.",
    },
    paths: {
      '/v1/chat/completions': { post: chatOperation() },
      '/v1/models': {
        get: {
          operationId: 'listModels',
          summary: 'The agents that `model` can name',
          responses: { 200: answer('ModelList', 'All agents.') },
        },
      },
      '/v1/models/{model}': {
        get: {
          operationId: 'retrieveModel',
          summary: 'One agent; its name may have slashes',
          parameters: [{ name: 'model', in: 'path', required: true, schema: { type: 'string' } }],
          responses: { 200: answer('Model', 'The agent.'), ...errorResponses([404]) },
        },
      },
      '/livez': {
        get: {
          operationId: 'live',
          summary: 'Whether the process is alive',
          responses: { 200: answer('Health', 'It is.') },
        },
      },
      '/readyz': {
        get: {
          operationId: 'ready',
          summary: 'Whether it should be given requests',
          responses: { 200: answer('Health', 'It should.'), 503: answer('Health', 'Not now.') },
        },
      },
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries(SCHEMAS).map(([name, schema]) => [name, jsonSchema(schema)]),
      ),
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } },
    },
    security: [{}, { apiKey: [] }],
  };
}

function chatOperation(): object {
  return {
    operationId: 'createChatCompletion',
    summary: 'Ask an agent',
    description:
      'The status line of a stream is held for a moment, so that a refusal still has its own ' +
      'status. A client that closes the connection cancels its run.',
    requestBody: { required: true, content: json('ChatCompletionRequest') },
    responses: {
      200: {
        description: 'The answer; with `stream`: true as server-sent events, one chunk each.',
        headers: {
          'x-request-id': { schema: { type: 'string' } },
          'x-queue-wait-ms': { schema: { type: 'integer' } },
          'openai-processing-ms': { schema: { type: 'integer' } },
        },
        content: {
          ...json('ChatCompletion'),
          'text/event-stream': { schema: reference('ChatCompletionChunk') },
        },
      },
      ...errorResponses(CHAT_STATUSES),
    },
  };
}

function errorResponses(statuses: readonly number[]): Record<number, object> {
  const sent = statuses.filter((status) => status !== UNSENT_STATUS);
  return Object.fromEntries(
    sent.map((status) => {
      const codes = ERROR_CODES.filter((code) => HTTP_ERRORS[code].status === status);
      const names = codes.map((code) => HTTP_ERRORS[code].wireCode ?? code).join(', ');
      return [status, answer('Error', `${STATUS_CODES[status]}: ${names}.`)];
    }),
  );
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema);
  return rest;
}
