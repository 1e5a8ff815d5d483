/** The OpenAPI 3.1 document, made once from the schemas that check requests. */
import { STATUS_CODES } from 'node:http';
import { ERROR_CODES } from '@switchboard/contract';
import { z } from 'zod';
import { ChatCompletionBody } from '../chat/chat-schema.ts';
import { HTTP_ERRORS } from '../http-errors/http-errors.ts';
import { PoolViewSchema } from '../pool-view/pool-schema.ts';
import { CreateResponseBody } from '../responses/request-schema.ts';
import { ResponseSchema, StreamEventSchema } from '../responses/standard-schema.ts';
import {
  ChatCompletionChunkSchema,
  ChatCompletionSchema,
  DeletedResponseSchema,
  ErrorSchema,
  HealthSchema,
  InputItemListSchema,
  ModelListSchema,
  ModelSchema,
} from './answer-schemas.ts';

const SCHEMAS = {
  ChatCompletionRequest: ChatCompletionBody,
  ChatCompletion: ChatCompletionSchema,
  ChatCompletionChunk: ChatCompletionChunkSchema,
  CreateResponseRequest: CreateResponseBody,
  Response: ResponseSchema,
  ResponseStreamEvent: StreamEventSchema,
  DeletedResponse: DeletedResponseSchema,
  InputItemList: InputItemListSchema,
  Model: ModelSchema,
  ModelList: ModelListSchema,
  PoolState: PoolViewSchema,
  Error: ErrorSchema,
  Health: HealthSchema,
} as const;

type SchemaName = keyof typeof SCHEMAS;

const reference = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: SchemaName) => ({ 'application/json': { schema: reference(name) } });
const answer = (name: SchemaName, description: string) => ({ description, content: json(name) });

/** Never sent as a status of its own: nobody is left to read it. */
const UNSENT_STATUS = 499;
const CHAT_STATUSES = [400, 404, 408, 409, 410, 413, 415, 429, 500, 502, 503, 504];
const STORED_STATUSES = [400, 404, 410, 500, 503];

export function openApiDocument(version: string): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Switchboard',
      version,
      description: "Agents behind OpenAI's API, with a fair, bounded queue.",
    },
    paths: {
      '/v1/chat/completions': { post: chatOperation() },
      ...responsePaths(),
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
      '/v1/pool': { get: poolOperation() },
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

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'Of several requests with one key, one runs and all get its answer. Kept for a day.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};
const ON_DISCONNECT = {
  name: 'x-switchboard-on-disconnect',
  in: 'header',
  description:
    'What becomes of the run when its connection is lost. Default: `cancel`; `resume` with an ' +
    '`Idempotency-Key`; `continue` in the background.',
  schema: { type: 'string', enum: ['cancel', 'resume', 'continue'] },
};
const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  in: 'header',
  description: 'With the same `Idempotency-Key` and body: the stream goes on after this event.',
  schema: { type: 'string' },
};

function responsePaths(): object {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
  const found = (operationId: string, summary: string, name: SchemaName, parameters = [id]) => ({
    operationId,
    summary,
    parameters,
    responses: { 200: answer(name, 'Done.'), ...errorResponses(STORED_STATUSES) },
  });
  const query = (name: string, type: string) => ({ name, in: 'query', schema: { type } });
  return {
    '/v1/responses': {
      post: {
        operationId: 'createResponse',
        summary: 'Ask an agent; the answer can be read again, resumed and continued',
        parameters: [IDEMPOTENCY_KEY, ON_DISCONNECT],
        requestBody: { required: true, content: json('CreateResponseRequest') },
        responses: {
          200: {
            description: 'The response; with `stream`: true as server-sent events.',
            content: {
              ...json('Response'),
              'text/event-stream': { schema: reference('ResponseStreamEvent') },
            },
          },
          ...errorResponses(CHAT_STATUSES),
        },
      },
    },
    '/v1/responses/{id}': {
      get: {
        ...found('getResponse', 'A response as it stands, or its events from one on', 'Response'),
        parameters: [id, query('stream', 'boolean'), query('starting_after', 'integer')],
      },
      delete: found('deleteResponse', 'Remove every trace of a response', 'DeletedResponse'),
    },
    '/v1/responses/{id}/cancel': {
      post: found('cancelResponse', 'Stop it; one that has ended stays as it is', 'Response'),
    },
    '/v1/responses/{id}/input_items': {
      get: {
        ...found('listInputItems', 'What was asked', 'InputItemList'),
        parameters: [
          id,
          query('after', 'string'),
          query('limit', 'integer'),
          query('order', 'string'),
        ],
      },
    },
  };
}

function poolOperation(): object {
  return {
    operationId: 'getPoolState',
    summary: 'What the workers and queues do now',
    description:
      'With `Accept: text/event-stream` a stream: each event is the whole state, the first at ' +
      'once, then one when something has changed, at most four a second. Single workers, lanes ' +
      'and bytes are shown with the scope `admin`.',
    responses: {
      200: {
        description: 'The pools, at most half a second old.',
        content: { ...json('PoolState'), 'text/event-stream': { schema: reference('PoolState') } },
      },
      ...errorResponses([429, 503]),
    },
  };
}

function chatOperation(): object {
  return {
    operationId: 'createChatCompletion',
    summary: 'Ask an agent',
    description:
      'The status line of a stream is held for a moment, so that a refusal still has its own ' +
      'status. A client that closes the connection cancels its run.',
    parameters: [IDEMPOTENCY_KEY, LAST_EVENT_ID, ON_DISCONNECT],
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
