import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../tool.ts';
import type { Tool } from '../tool.ts';
import { calculatorTool } from './calculator.ts';
import { clockTool } from './clock.ts';

const call = (tool: Tool, input: unknown): Promise<string> => {
  const { signal } = new AbortController();
  return (async () => await tool.run(input, { signal, run: 'r', requestId: 'q', callId: 'c' }))();
};
const calculate = (expression: unknown): Promise<string> => call(calculatorTool(), { expression });

for (const [expression, value] of [
  ['1 + 2 * 3', '7'],
  ['(1 + 2) * 3', '9'],
  ['2^3^2', '512'],
  ['2**-1', '0.5'],
  ['-2^2', '-4'],
  ['--2', '2'],
  ['7 % 4', '3'],
  ['0.1 + 0.2', '0.3'],
  ['1.5e3 / .5', '3000'],
  ['sqrt(16) + max(1, 2, 3) - abs(-1)', '6'],
  ['round(2 * PI * 100) / 100', '6.28'],
  ['ln(e) + log(1000)', '4'],
] as const) {
  test(`the calculator finds ${expression}`, async () => {
    assert.equal(await calculate(expression), value);
  });
}

for (const [what, expression] of [
  ['nothing', ''],
  ['half of one', '1 +'],
  ['code', 'process.exit(1)'],
  ['a name of an object', 'constructor'],
  ['a name from the prototype', 'toString(1)'],
  ['brackets', '[1]'],
  ['too many values', 'sqrt(1, 2)'],
  ['what is not finite', '1 / 0'],
  ['an open parenthesis', '(1'],
  ['a million characters', '1+'.repeat(500_000)],
  ['a deep nest', `${'('.repeat(400)}1${')'.repeat(400)}`],
  ['many signs', '-'.repeat(999)],
  ['a list', ['1']],
] as const) {
  test(`the calculator refuses ${what}, and says so to the model`, async () => {
    await assert.rejects(calculate(expression), ToolError);
  });
}

test('the clock knows UTC and other zones', async () => {
  const clock = clockTool(() => new Date('2026-03-01T12:00:00Z'));
  const read = async (input: object): Promise<Record<string, string>> =>
    JSON.parse(await call(clock, input)) as Record<string, string>;
  assert.equal((await read({}))['utc'], '2026-03-01T12:00:00.000Z');
  assert.match((await read({ time_zone: 'Asia/Tokyo' }))['local'] ?? '', /1 March 2026.*21:00:00/);
  for (const zone of ['Mars/Olympus', 7, 'x'.repeat(1_000)]) {
    await assert.rejects(call(clock, { time_zone: zone }), ToolError);
  }
});
