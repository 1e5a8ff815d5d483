import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { moduleLog } from './module-log.ts';

let lines: { readonly message: string; readonly [field: string]: unknown }[];
const write = (entry: object, message: string): void => void lines.push({ ...entry, message });
const log = { debug: write, info: write, warn: write, error: write };

beforeEach(() => {
  lines = [];
});

test('fields that cannot be logged do not cost the line, and none is too long', () => {
  const own = moduleLog(log, { run: 'gate_1' });
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  own.info('circular', circular);
  own.info('big', { number: 1n });
  own.info('large', { text: 'x'.repeat(5_000) });
  own.info('x'.repeat(2_000));
  assert.deepEqual(lines.slice(0, 3), [
    { run: 'gate_1', message: 'circular', details: '[unreadable]' },
    { run: 'gate_1', message: 'big', details: '[unreadable]' },
    { run: 'gate_1', message: 'large', details: '[too large]' },
  ]);
  assert.equal(lines[3]?.message.length, 1_000);
});

test('a loop that logs is cut off after 200 lines, and that is said once', () => {
  const own = moduleLog(log, {});
  for (let line = 0; line < 1_000; line++) own.debug('again');
  assert.equal(lines.length, 201);
  assert.match(lines.at(-1)?.message ?? '', /logs too much/);
});

test('a line has the run’s names, which the module’s fields cannot take', () => {
  const error = new Error('PRIVATE');
  moduleLog(log, { run: 'gate_1' }).warn('slow', { run: 'other', error, ms: 5 });
  assert.deepEqual(lines, [
    { run: 'gate_1', message: 'slow', details: { run: 'other', error: 'Error', ms: 5 } },
  ]);
});
