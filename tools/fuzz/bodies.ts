import type { SeededRandom } from '@switchboard/testkit';
import { hostileValue } from './hostile-values.ts';
import type { JsonText } from './hostile-values.ts';
import { sampleOf } from './schema-sample.ts';
import type { Schema } from './schema-sample.ts';

type Value = null | boolean | number | string | Value[] | { [name: string]: Value };

/** The bodies that the API knows, as its own document describes them. */
export interface BodySchemas {
  readonly chat: Schema;
  readonly response: Schema;
  readonly all: Readonly<Record<string, Schema>>;
}

/** A call that would be served: the start of one that is not. */
const CHATS: readonly Value[] = [
  { model: 'sim/tokens=2', messages: [{ role: 'user', content: 'Hello' }] },
  { model: 'sim/tokens=2', stream: true, messages: [{ role: 'user', content: 'Hello' }] },
  {
    model: 'sim/tokens=1',
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      { role: 'system', content: [{ type: 'text', text: 'x' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'y' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
        ],
      },
      {
        role: 'assistant',
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: 'z' },
    ],
    tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    temperature: 1,
    metadata: { a: 'b' },
  },
];
const RESPONSES: readonly Value[] = [
  { model: 'sim/tokens=2', input: 'Hello', store: false },
  { model: 'sim/tokens=2', input: 'Hello', stream: true },
  { model: 'sim/tokens=1', input: 'Hello', background: true, store: true },
  {
    model: 'sim/tokens=1',
    stream: true,
    input: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'x' }] },
      { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'a', output: 'y' },
    ],
    tools: [{ type: 'function', name: 'f', parameters: { type: 'object' } }],
    reasoning: { effort: 'low' },
    text: { format: { type: 'text' } },
  },
];

/** A body for one of the two APIs, mostly spoilt. */
export function body(
  random: SeededRandom,
  api: 'chat' | 'response',
  schemas: BodySchemas,
): JsonText {
  const fine = structuredClone(random.pick(api === 'chat' ? CHATS : RESPONSES));
  if (typeof fine !== 'object' || fine === null || Array.isArray(fine)) throw new TypeError('body');
  // What the document allows, whether or not it makes sense.
  const described = sampleOf(schemas[api], schemas.all, random) as Record<string, Value>;
  const names = Object.keys(described).filter((name) => name !== 'model');
  for (let more = random.int(0, 3); more > 0 && names.length > 0; more -= 1) {
    const name = random.pick(names);
    const value = described[name];
    if (value !== undefined) fine[name] = value;
  }
  if (random.int(0, 9) === 0) return JSON.stringify(fine);
  const spoilt: { text: JsonText }[] = [];
  let target: Value = fine;
  for (let times = random.int(1, 2); times > 0; times -= 1) target = spoil(random, target, spoilt);
  return write(random, target, spoilt);
}

const MARK = '\u0001spoilt';

/** Puts a mark where something hostile will stand. */
function spoil(random: SeededRandom, value: Value, spoilt: { text: JsonText }[]): Value {
  const stop = typeof value !== 'object' || value === null || random.int(0, 4) === 0;
  if (stop) {
    spoilt.push({ text: hostileValue(random) });
    return `${MARK}${spoilt.length - 1}`;
  }
  const keys = Object.keys(value);
  if (keys.length === 0) return value;
  const key = random.pick(keys);
  const container = value as Record<string, Value>;
  if (random.int(0, 9) === 0) delete container[key];
  else container[key] = spoil(random, container[key] ?? null, spoilt);
  return value;
}

function write(
  random: SeededRandom,
  value: Value,
  spoilt: readonly { text: JsonText }[],
): JsonText {
  let text = JSON.stringify(value);
  for (const [index, one] of spoilt.entries()) {
    text = text.replace(JSON.stringify(`${MARK}${index}`), () => one.text);
  }
  switch (random.int(0, 19)) {
    case 0:
      return text.slice(0, random.int(0, text.length));
    case 1:
      return `${text}${random.pick(['}', ' ', '\u0000', text])}`;
    case 2:
      return `\ufeff${text}`;
    case 3: // The same key twice, the second one hostile.
      return text.replace(/\}$/, `,"model":${hostileValue(random)}}`);
    case 4:
      return text.replace(/^\{/, '{"__proto__":{"stream":true},');
    default:
      return text;
  }
}
