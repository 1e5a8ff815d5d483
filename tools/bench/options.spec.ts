import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UsageError } from '@switchboard/command-line';

import { readOptions, usage } from './options.ts';

const NAMES = ['latency', 'idle'];

describe('the options of npm run bench', () => {
  it('measure everything by default', () => {
    const flags = { quick: false, long: false, json: false, profile: false };
    assert.deepEqual(readOptions([], NAMES), { only: undefined, replicas: 1, ...flags });
  });

  it('choose figures, how long to measure, and on how many nats-servers', () => {
    const argv = ['--only', 'idle,latency', '--quick', '--long', '--json', '--profile'];
    const flags = { quick: true, long: true, json: true, profile: true };
    const wanted = { only: ['idle', 'latency'], replicas: 3, ...flags };
    assert.deepEqual(readOptions([...argv, '--replicas', '3'], NAMES), wanted);
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
      [['--only', 'idle,nope'], /^--only takes names of latency, idle\.$/],
      [['--replicas', '2'], /^--replicas must be 1 or 3\.$/],
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
