import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UsageError } from '@switchboard/command-line';

import { readOptions } from './options.ts';

test('what is not given has a default, and the seed is a new one each time', () => {
  const options = readOptions([]);
  assert.ok(options !== 'help');
  assert.deepEqual(
    { ...options, seed: 0 },
    { seconds: 120, seed: 0, kills: true, log: undefined, json: false },
  );
  assert.ok(Number.isSafeInteger(options.seed));
});

test('a seed and a duration are taken as they are', () => {
  const given = readOptions([
    '--seconds',
    '600',
    '--seed',
    '7',
    '--no-kills',
    '--log',
    'x',
    '--json',
  ]);
  assert.deepEqual(given, { seconds: 600, seed: 7, kills: false, log: 'x', json: true });
});

test('wrong usage is one sentence that names the option', () => {
  for (const [argv, name] of [
    [['--seconds', '5'], '--seconds'],
    [['--seed', '-1'], '--seed'],
    [['--seed', 'x'], '--seed'],
    [['--wrong'], '--wrong'],
  ] as const) {
    assert.throws(
      () => readOptions(argv),
      (error) => error instanceof UsageError && error.message.includes(name),
    );
  }
});
