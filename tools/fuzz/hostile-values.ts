import type { SeededRandom } from '@switchboard/testkit';

/** A piece of JSON text, because not all of what is hostile can be a value here. */
export type JsonText = string;

const LEAVES: readonly JsonText[] = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '-1',
  '1e999',
  '-1e999',
  '1e-999',
  '9007199254740993',
  '123456789012345678901234567890',
  '0.1e+7',
  '""',
  '" "',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\uffff\\ufeff"',
  '"\u202e\u200b\u0301e\u0301"',
  '"\u{1f468}\u200d\u{1f469}\u200d\u{1f467}"',
  '"data: [DONE]\\n\\ndata: {}"',
  '"\\r\\nx-injected: 1"',
  '"../../../etc/passwd"',
  '"http://127.0.0.1:1/"',
  '"file:///etc/passwd"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"requests.default.>"',
  '"*"',
  '">"',
  '"sim/"',
  '"sim/error=500"',
  '"sim/tokens=1"',
  '"resp_"',
  '[]',
  '{}',
  '[[]]',
  '[null]',
  '{"":null}',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"toString":1,"valueOf":2,"hasOwnProperty":3,"toJSON":4}',
  '{"then":1}',
  '{"type":"text","type":"image_url"}',
  // Not JSON at all.
  'undefined',
  'NaN',
  '01',
  '+1',
  "'x'",
  '"\t"',
  '[1,]',
  '{,}',
  '/**/1',
  '',
];

/** Something that a field should not be, or that is the largest that it may be. */
export function hostileValue(random: SeededRandom): JsonText {
  switch (random.int(0, 11)) {
    case 0:
      return nested(random, random.pick([3, 60, 127, 128, 129, 500, 5_000]));
    case 1:
      return JSON.stringify('x'.repeat(random.pick([257, 5_000, 70_000])));
    case 2:
      return `[${list(random, random.pick([2, 65, 1_025, 3_000]))}]`;
    case 3:
      return `{${fields(random, random.pick([2, 65, 1_025]))}}`;
    case 4:
      return JSON.stringify(randomText(random, 40));
    default:
      return random.pick(LEAVES);
  }
}

/** Any UTF-16 at all, lone surrogates too. */
export function randomText(random: SeededRandom, max: number): string {
  const codes = Array.from({ length: random.int(0, max) }, () => {
    return random.int(0, 3) === 0 ? random.int(0, 0xffff) : random.int(0, 127);
  });
  return String.fromCharCode(...codes);
}

function nested(random: SeededRandom, levels: number): JsonText {
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"a":', '}]'],
  ]);
  const leaf = open === '[' ? '' : '1';
  return `${open.repeat(levels)}${leaf}${close.repeat(levels)}`;
}

function list(random: SeededRandom, length: number): JsonText {
  const element = random.pick(LEAVES.slice(0, 40));
  return Array.from({ length }, () => element).join(',');
}

function fields(random: SeededRandom, length: number): JsonText {
  const value = random.pick(LEAVES.slice(0, 40));
  const names = random.pick(['different', 'equal']);
  return Array.from({ length }, (_, at) => `"f${names === 'equal' ? 0 : at}":${value}`).join(',');
}
