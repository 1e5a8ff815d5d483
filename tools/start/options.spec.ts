import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UsageError } from '@switchboard/command-line';

import { readOptions } from './options.ts';

describe('the options of npm start', () => {
  it('have defaults: one worker of ten slots behind port 8080', () => {
    const defaults = { workers: 1, poolSize: 10, port: 8080, jsonLogs: false };
    assert.deepEqual(readOptions([], {}), defaults);
  });

  it('come from the command line before the environment', () => {
    const argv = ['--workers', '2', '--pool-size', '5', '--port', '0', '--json-logs'];
    const wanted = { workers: 2, poolSize: 5, port: 0, jsonLogs: true };
    assert.deepEqual(readOptions(argv, { PORT: '9', POOL_SIZE: '9' }), wanted);
    assert.deepEqual(readOptions([], { PORT: '81', POOL_SIZE: '20' }), {
      workers: 1,
      poolSize: 20,
      port: 81,
      jsonLogs: false,
    });
  });

  it('can be asked for', () => {
    assert.equal(readOptions(['--help'], {}), 'help');
  });

  it('that are wrong give one sentence that names them', () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['--nope'], /^Unknown option '--nope'\.$/],
      [['extra'], /^Unexpected argument 'extra'\.$/],
      [['--port'], /^Option '--port <value>' argument missing\.$/],
      [['--workers', '0'], /^--workers must be a whole number from 1 to 64\.$/],
      [['--pool-size', '1.5'], /^--pool-size must be/],
      [['--port', '65536'], /^--port must be/],
      [['--port', ''], /^--port must be/],
    ];
    for (const [argv, message] of wrong) {
      assert.throws(
        () => readOptions(argv, {}),
        (error) => error instanceof UsageError && message.test(error.message),
        argv.join(' '),
      );
    }
  });
});
