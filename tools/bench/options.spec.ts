import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UsageError } from '@switchboard/command-line';

import { readOptions, usage } from './options.ts';

const NAMES = ['latency', 'idle'];

describe('the options of npm run bench', () => {
  it('measure everything by default', () => {
    const defaults = { only: undefined, quick: false, long: false, json: false, profile: false };
    assert.deepEqual(readOptions([], NAMES), defaults);
  });

  it('choose a figure and how long to measure', () => {
    const argv = ['--only', 'idle', '--quick', '--long', '--json', '--profile'];
    const wanted = { only: 'idle', quick: true, long: true, json: true, profile: true };
    assert.deepEqual(readOptions(argv, NAMES), wanted);
  });

  it('can be asked for, with the figures there are', () => {
    assert.equal(readOptions(['-h'], NAMES), 'help');
    assert.match(
      usage([{ name: 'idle', about: 'what waiting costs' }]),
      /idle +what waiting costs/,
    );
  });

  it('that are wrong give one sentence that names them', () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['--only', 'nope'], /^--only must be one of latency, idle\.$/],
      [['--only'], /^Option '--only <value>' argument missing\.$/],
      [['--fast'], /^Unknown option '--fast'\.$/],
      [['latency'], /^Unexpected argument 'latency'\.$/],
    ];
    for (const [argv, message] of wrong) {
      assert.throws(
        () => readOptions(argv, NAMES),
        (error) => error instanceof UsageError && message.test(error.message),
        argv.join(' '),
      );
    }
  });
});
