import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UsageError } from '@switchboard/command-line';

import { readOptions } from './options.ts';

describe('the options of npm run demo', () => {
  it('have defaults: three users, ten seconds, one worker of ten slots, both halves', () => {
    const defaults = {
      users: 3,
      thinkSeconds: 10,
      poolSize: 10,
      workers: 1,
      before: true,
      json: false,
    };
    assert.deepEqual(readOptions([]), defaults);
  });

  it('take any number of users and any think time', () => {
    const argv = '--users 25 --think 2.5 --pool-size 5 --workers 2 --no-before --json'.split(' ');
    assert.deepEqual(readOptions(argv), {
      users: 25,
      thinkSeconds: 2.5,
      poolSize: 5,
      workers: 2,
      before: false,
      json: true,
    });
    assert.equal(readOptions(['--help', '--users', '2']), 'help');
  });

  it('that are wrong give one sentence that names them', () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['--nope', /^Unknown option '--nope'\.$/],
      ['extra', /^Unexpected argument 'extra'\.$/],
      ['--users', /^Option '--users <value>' argument missing\.$/],
      ['--users 0', /^--users must be a whole number from 1 to 1000\.$/],
      ['--users 1e3', /^--users must be/],
      ['--think 0', /^--think must be a number of seconds from 0\.1 to 3000\.$/],
      ['--think 10s', /^--think must be/],
      ['--think -1', /^Option '--think' argument is ambiguous\.$/],
      ['--pool-size 0', /^--pool-size must be/],
      ['--workers 99', /^--workers must be/],
      ['--json=1', /^Option '--json' does not take an argument\.$/],
    ];
    for (const [line, message] of wrong) {
      assert.throws(
        () => readOptions(line.split(' ')),
        (error) => error instanceof UsageError && message.test(error.message),
        line,
      );
    }
  });
});
