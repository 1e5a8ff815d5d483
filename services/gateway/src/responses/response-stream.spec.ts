/** What holds for the stream of any run, and whether it is that of the standard. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { isEnd } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import type { Response as SdkResponse } from 'openai/resources/responses/responses';
import { errorEvent } from './error-event.ts';
import type { OutputItem } from './item-schema.ts';
import { parseResponseRequest } from './parse-response.ts';
import { ResponseBuilder } from './response-builder.ts';
import type { ResponseObject, ResponseStreamEvent } from './response-builder.ts';
import { StreamEventSchema } from './standard-schema.ts';

/** Path of the OpenAPI document of Open Responses, where there is one. */
const SPEC = process.env['SWITCHBOARD_OPENRESPONSES_SPEC'];

const RUN = 'gateway_0123456789abcdef012345';
const TOOL = { type: 'function', name: 'f', parameters: { type: 'object' } };

/** Requests that fill every field a response repeats. */
const REQUESTS = [
  { model: 'm', input: 'Hello' },
  {
    model: 'm',
    input: [
      { role: 'system', content: 'Be short.' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'x' },
          { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'low' },
          { type: 'input_file', filename: 'a.txt', file_data: 'data:text/plain;base64,AA==' },
        ],
      },
      { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'x' }] },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      {
        type: 'function_call_output',
        call_id: 'c',
        output: [{ type: 'input_text', text: 'x' }],
      },
      {
        role: 'assistant',
        content: [
          {
            type: 'output_text',
            text: 'x',
            annotations: [
              { type: 'url_citation', url: 'u', start_index: 0, end_index: 1, title: 't' },
            ],
          },
        ],
      },
    ],
    instructions: 'x',
    background: true,
    metadata: { a: 'b' },
    tools: [TOOL, { ...TOOL, name: 'g', description: 'x', strict: true }],
    tool_choice: { type: 'allowed_tools', tools: [{ type: 'function', name: 'f' }] },
    text: { format: { type: 'json_schema', name: 'x', schema: {} }, verbosity: 'low' },
    reasoning: { effort: 'high', summary: 'auto' },
    truncation: 'auto',
    max_output_tokens: 20,
    top_logprobs: 3,
    service_tier: 'flex',
    previous_response_id: 'resp_1',
    safety_identifier: 's',
    prompt_cache_key: 'k',
    user: 'u',
  },
  {
    model: 'm',
    input: 'x',
    tools: [TOOL],
    tool_choice: { type: 'function', name: 'f' },
    text: { format: { type: 'json_object' } },
    reasoning: { effort: 'minimal' },
  },
].map((body) => parseResponseRequest(body));

const word = fc.string({ maxLength: 4 });
const maybe = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((some) => (some === undefined ? {} : { [key]: some }));

const delta: fc.Arbitrary<RunEvent> = fc.oneof(
  word.map((text): RunEvent => ({ type: 'text.delta', text })),
  fc
    .tuple(
      word,
      fc.array(
        fc.record({ token: word, logprob: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
      ),
    )
    .map(([text, content]): RunEvent => ({ type: 'text.delta', text, logprobs: { content } })),
  word.map((text): RunEvent => ({ type: 'reasoning.delta', text })),
  word.map((text): RunEvent => ({ type: 'refusal.delta', text })),
  fc
    .tuple(
      fc.integer({ min: 0, max: 3 }),
      maybe('id', fc.constantFrom('', 'c1', 'c2')),
      maybe('name', fc.constantFrom('', 'f', 'g')),
      maybe('arguments', word),
    )
    .map(([index, ...rest]): RunEvent => ({
      type: 'tool.call',
      index,
      ...Object.assign({}, ...rest),
    })),
  fc
    .tuple(fc.constantFrom('', 'c1', 'c2'), fc.constantFrom('agent', 'files'), word)
    .map(([id, source, json]): RunEvent => ({
      type: 'tool.started',
      id,
      name: 'read',
      source,
      arguments: json,
    })),
  fc
    .tuple(fc.constantFrom('', 'c1', 'c2'), word, maybe('failed', fc.constant(true)))
    .map(([id, output, failed]): RunEvent => ({ type: 'tool.result', id, output, ...failed })),
  fc.nat().map((tokens): RunEvent => ({
    type: 'usage',
    usage: { prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 },
  })),
);

const end: fc.Arbitrary<RunEvent> = fc.oneof(
  fc
    .constantFrom('stop', 'tool_calls', 'length', 'content_filter', 'constructor')
    .map((finishReason): RunEvent => ({
      type: 'completed',
      finishReason,
      serviceTier: 'x',
      atMs: 5_000,
    })),
  fc.constant<RunEvent>({ type: 'failed', code: 'worker_lost', message: 'Lost.' }),
  fc.constant<RunEvent>({ type: 'cancelled', reason: 'requested' }),
);

const started: RunEvent = { type: 'started', worker: 'w' };

/** Any run: attempts of which all but the last are lost, and perhaps an end. */
const anyRun = fc
  .tuple(
    fc.array(fc.array(delta, { maxLength: 12 }), { maxLength: 3 }),
    fc.option(end, { nil: undefined }),
    fc.constantFrom(...REQUESTS),
  )
  .map(([attempts, last, request]) => ({
    request,
    events: [
      ...attempts.flatMap((deltas) => [started, ...deltas]),
      ...(last === undefined ? [] : [last]),
    ],
  }));
type AnyRun = typeof anyRun extends fc.Arbitrary<infer T> ? T : never;

function builderOf({ request }: AnyRun): ResponseBuilder {
  const { model, background, echo } = request;
  const createdAtMs = 1_700_000_000_000;
  return new ResponseBuilder({ id: `resp_${RUN}`, createdAtMs, model, background, echo });
}

function streamOf(run: AnyRun, builder = builderOf(run)): ResponseStreamEvent[] {
  return [...builder.opening(), ...run.events.flatMap((event) => builder.take(event))];
}

/** Folds a stream as a client does who keeps what it is told of each place. */
function itemsByPlace(stream: readonly ResponseStreamEvent[]): Map<number, OutputItem> {
  const items = new Map<number, OutputItem>();
  const written = new Map<number, string>();
  for (const event of stream) {
    if (!('output_index' in event)) continue;
    const place = event.output_index;
    if (event.type === 'response.output_item.added') {
      assert.equal(place, items.size, 'places are counted on');
      assert.equal(event.item.status, 'in_progress');
    } else {
      assert.equal(
        items.get(place)?.status,
        'in_progress',
        'nothing comes after the end of an item',
      );
    }
    if ('delta' in event) written.set(place, (written.get(place) ?? '') + event.delta);
    if ('item' in event) items.set(place, event.item);
    if ('item_id' in event) assert.equal(event.item_id, items.get(place)?.id);
    if (event.type === 'response.output_item.done') {
      assert.equal(written.get(place) ?? '', textOf(event.item), 'deltas add up to the item');
    }
  }
  return items;
}

function textOf(item: OutputItem): string {
  if (item.type === 'function_call' || item.type === 'mcp_call') return item.arguments;
  const parts = item.type === 'reasoning' ? item.summary : item.content;
  return parts
    .map((part) => ('refusal' in part ? part.refusal : 'text' in part ? part.text : ''))
    .join('');
}

describe('the stream of any run', () => {
  it('is numbered without gaps, and every event is one of our schema', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        streamOf(run).forEach((event, index) => {
          assert.equal(event.sequence_number, index);
          assert.deepEqual(StreamEventSchema.parse(event), event);
        });
      }),
    );
  });

  it('is the same in every gateway, wherever a reader leaves one and goes on at another', () => {
    fc.assert(
      fc.property(anyRun, fc.array(fc.nat({ max: 60 }), { maxLength: 4 }), (run, cuts) => {
        const whole = streamOf(run);
        const seen: ResponseStreamEvent[] = [];
        for (const cut of [...cuts.toSorted((a, b) => a - b), Number.POSITIVE_INFINITY]) {
          const last = seen.at(-1)?.sequence_number ?? -1;
          const rest = streamOf(run).filter(({ sequence_number: number }) => number > last);
          seen.push(...rest.filter(({ sequence_number: number }) => number <= cut));
        }
        assert.deepEqual(seen, whole);
      }),
    );
  });

  it('adds up to the response, with the items of the last attempt, and ends once', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const builder = builderOf(run);
        const stream = streamOf(run, builder);
        const items = [...itemsByPlace(stream).values()];
        const { response } = builder;
        const ended = run.events.some(isEnd);
        const ids = response.output.map(({ id }) => id);
        if (ended)
          assert.deepEqual(
            response.output,
            items.filter(({ id }) => ids.includes(id)),
          );
        assert.deepEqual(
          items.slice(items.length - ids.length).map(({ id }) => id),
          ids,
        );
        const ends = stream.filter(({ type }) =>
          /^response\.(completed|failed|incomplete)$/.test(type),
        );
        assert.equal(ends.length, ended ? 1 : 0);
        if (!ended) return;
        assert.equal(stream.at(-1), ends[0]);
        assert.ok(ends[0] !== undefined && 'response' in ends[0]);
        assert.deepEqual(ends[0].response, response);
        assert.ok(items.every(({ status }) => status !== 'in_progress'));
      }),
    );
  });

  it("is taken by the accumulators of OpenAI's SDK, which refuse what they do not know", async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        fc.pre(run.events.some(isEnd));
        const stream = streamOf(run);
        let snapshot: SdkResponse | undefined;
        for (const event of stream) {
          snapshot = accumulateResponse(structuredClone(event) as never, snapshot);
        }
        const lines = stream.map((event) => `${JSON.stringify(event)}\n`);
        const bytes = new Blob(lines).stream();
        const response = await ResponseStream.fromReadableStream(bytes).finalResponse();
        const last = stream.at(-1);
        assert.ok(last !== undefined && 'response' in last);
        assert.equal(response.status, last.response.status);
        assert.deepEqual(
          [response.output.map(({ id }) => id), snapshot?.output.map(({ id }) => id)],
          [last.response.output.map(({ id }) => id), last.response.output.map(({ id }) => id)],
        );
      }),
    );
  });
});

interface Reference {
  readonly $ref: string;
}
interface Document {
  readonly paths: Readonly<
    Record<
      '/responses',
      {
        post: {
          responses: {
            200: { content: { 'text/event-stream': { schema: { oneOf: readonly Reference[] } } } };
          };
        };
      }
    >
  >;
  readonly components: {
    readonly schemas: Readonly<
      Record<string, { properties?: { type?: { enum?: readonly string[] } } }>
    >;
  };
}

/** Validators of the document: by component, and by type of a streamed event. */
async function standardOf(path: string) {
  const document = JSON.parse(await readFile(path, 'utf8')) as Document;
  // Written for code generators too: not every keyword in it is one of JSON Schema.
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addSchema(document, 'standard');
  const component = (name: string) => ajv.compile({ $ref: `standard#/components/schemas/${name}` });
  const { content } = document.paths['/responses'].post.responses[200];
  const { oneOf } = content['text/event-stream'].schema;
  const events = new Map<string, ValidateFunction>();
  for (const { $ref } of oneOf) {
    const name = $ref.slice($ref.lastIndexOf('/') + 1);
    const type = document.components.schemas[name]?.properties?.type?.enum?.[0];
    assert.ok(type !== undefined, name);
    events.set(type, component(name));
  }
  return { component, events };
}

/** What the document does not know: the agent's own calls, in OpenAI's shape. */
const isExtension = (event: ResponseStreamEvent): boolean =>
  event.type.startsWith('response.mcp_call') || ('item' in event && event.item.type === 'mcp_call');

const withoutTools = (response: ResponseObject): ResponseObject => ({
  ...response,
  output: response.output.filter(({ type }) => type !== 'mcp_call'),
});

const withoutExtension = (event: ResponseStreamEvent): ResponseStreamEvent =>
  'response' in event ? { ...event, response: withoutTools(event.response) } : event;

function check(validate: ValidateFunction | undefined, value: object): void {
  assert.ok(validate !== undefined, `not in the standard: ${JSON.stringify(value).slice(0, 80)}`);
  assert.ok(validate(value), JSON.stringify(validate.errors?.slice(0, 3)));
}

describe('Open Responses', () => {
  if (SPEC === undefined) {
    it('is compared with our schemas only, as no document was named', (context) => {
      context.diagnostic(
        'SWITCHBOARD_OPENRESPONSES_SPEC is not set: not checked against the OpenAPI document',
      );
      for (const run of REQUESTS.map((request) => ({ request, events: [started] }))) {
        streamOf(run).forEach((event) => StreamEventSchema.parse(event));
      }
    });
    return;
  }

  it('has every event of any run in its document, and every response', async () => {
    const { component, events } = await standardOf(SPEC);
    const resource = component('ResponseResource');
    fc.assert(
      fc.property(anyRun, (run) => {
        const builder = builderOf(run);
        for (const event of streamOf(run, builder)) {
          if (!isExtension(event)) check(events.get(event.type), withoutExtension(event));
        }
        check(resource, withoutTools(builder.response));
      }),
    );
    const error = { type: 'server_error', code: 'shutting_down', message: 'x', param: null };
    check(events.get('error'), errorEvent(5, error));
  });

  it('has our input items in its document', async () => {
    const { component } = await standardOf(SPEC);
    const item = component('ItemField');
    for (const { inputItems } of REQUESTS) inputItems.forEach((value) => check(item, value));
  });

  it('is a document that says no: a response without a nullable field does not pass', async () => {
    const { component } = await standardOf(SPEC);
    const resource = component('ResponseResource');
    const [request] = REQUESTS;
    assert.ok(request !== undefined);
    const { response } = builderOf({ request, events: [] });
    assert.ok(resource(response));
    const { usage: _usage, ...without } = response;
    assert.equal(resource(without), false);
  });
});
