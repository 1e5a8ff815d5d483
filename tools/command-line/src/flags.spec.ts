import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { readArguments, readFlags, UsageError, wholeNumber } from './index.ts';

const FLAGS = { count: 'string', loud: 'boolean' } as const;

describe('flags', () => {
  it('are what was given, and nothing else', () => {
    assert.deepEqual({ ...object(readFlags([], FLAGS)) }, {});
    const read = readFlags(['--count', '3', '--loud'], FLAGS);
    assert.deepEqual({ ...object(read) }, { count: '3', loud: true });
  });

  it('always know help, which wins over the others', () => {
    assert.equal(readFlags(['--help', '--loud'], FLAGS), 'help');
    assert.equal(readFlags(['-h'], {}), 'help');
    assert.equal(readArguments(['show', '-h'], FLAGS), 'help');
  });

  it('stand between words where a command takes words', () => {
    const read = readArguments(['show', '--loud', '12'], FLAGS);
    assert.ok(read !== 'help');
    assert.deepEqual(read.words, ['show', '12']);
    assert.equal(read.flags.loud, true);
  });

  it('that are wrong give one sentence that names them', () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['--nope'], /^Unknown option '--nope'\.$/],
      [['word'], /^Unexpected argument 'word'\.$/],
      [['--count'], /^Option '--count <value>' argument missing\.$/],
      [['--count', '-1'], /^Option '--count' argument is ambiguous\.$/],
      [['--loud=1'], /^Option '--loud' does not take an argument\.$/],
    ];
    for (const [argv, message] of wrong) {
      assert.throws(
        () => readFlags(argv, FLAGS),
        (error) => error instanceof UsageError && message.test(error.message),
        argv.join(' '),
      );
    }
  });
});

describe('a whole number', () => {
  it('is read with its bounds included, and refused with the flag and the range', () => {
    assert.equal(wholeNumber('--n', '1', { min: 1, max: 9 }), 1);
    assert.equal(wholeNumber('--n', '9', { min: 1, max: 9 }), 9);
    for (const text of ['', '0', '10', '1.5', '1e0', '-1', ' 1', 'x']) {
      assert.throws(
        () => wholeNumber('--n', text, { min: 1, max: 9 }),
        (error) =>
          error instanceof UsageError &&
          error.message === '--n must be a whole number from 1 to 9.',
        text,
      );
    }
  });
});

function object<T>(read: T | 'help'): T {
  assert.ok(read !== 'help');
  return read;
}
