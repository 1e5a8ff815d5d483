import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UsageError } from '@switchboard/command-line';

import { readOptions } from './options.ts';

describe('the command line of npm run dead-letters', () => {
  it('names a command and, where it needs one, a letter or all of them', () => {
    const commands: readonly (readonly [line: string, command: object])[] = [
      ['list', { name: 'list' }],
      ['show 3', { name: 'show', id: 3, body: false }],
      ['show --body 3', { name: 'show', id: 3, body: true }],
      ['replay 3', { name: 'replay', which: 3 }],
      ['replay --all', { name: 'replay', which: 'all' }],
      ['purge --all', { name: 'purge', which: 'all' }],
    ];
    for (const [line, command] of commands) {
      const wanted = { command, nats: undefined, json: false };
      assert.deepEqual(readOptions(line.split(' ')), wanted, line);
    }
    const given = readOptions(['list', '--json', '--nats', 'nats://a:1,nats://b:2']);
    assert.deepEqual(given, {
      command: { name: 'list' },
      nats: 'nats://a:1,nats://b:2',
      json: true,
    });
    assert.equal(readOptions(['replay', '--help']), 'help');
  });

  it('that is wrong gives one sentence that says what is', () => {
    const wrong: readonly (readonly [line: string, message: RegExp])[] = [
      ['', /^The command must be one of list, show, replay, purge\.$/],
      ['burn 3', /^The command must be one of/],
      ['show', /^show needs the id of a letter\.$/],
      ['show --all', /^--all is for replay and purge only\.$/],
      ['show x', /^The id must be a whole number from 1 to/],
      ['show 0', /^The id must be a whole number from 1 to/],
      ['list 3', /^list takes no id: it shows all\.$/],
      ['replay', /^replay needs the id of a letter, or --all\.$/],
      ['purge 3 4', /^purge takes one id\.$/],
      ['purge 3 --all', /^purge takes one id or --all, not both\.$/],
      ['replay 3 --body', /^--body is for show only\.$/],
      ['list --nope', /^Unknown option '--nope'\.$/],
    ];
    for (const [line, message] of wrong) {
      assert.throws(
        () => readOptions(line === '' ? [] : line.split(' ')),
        (error) => error instanceof UsageError && message.test(error.message),
        line,
      );
    }
  });
});
