import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { beforeEach, describe, it } from 'node:test';
import { catchStrayErrors } from './stray-errors.ts';

let source: EventEmitter;
let retired: string[];
let logged: unknown[];

beforeEach(() => {
  source = new EventEmitter();
  retired = [];
  logged = [];
  catchStrayErrors({
    retire: (reason) => retired.push(reason),
    log: { error: ({ err }: { err?: Error }) => logged.push(err?.message) },
    source: source as unknown as Pick<NodeJS.Process, 'on'>,
  });
});

describe('errors of no run', () => {
  it('a rejection that nobody waited for is logged, and the process goes on', () => {
    source.emit('unhandledRejection', new Error('late'));
    source.emit('unhandledRejection', 'no error at all');
    assert.deepEqual(logged, ['late', 'no error at all']);
    assert.deepEqual(retired, []);
  });

  it('after an exception that nobody caught the process is to be replaced', () => {
    source.emit('uncaughtException', new Error('in a timer'));
    assert.deepEqual(logged, ['in a timer']);
    assert.deepEqual(retired, ['an uncaught exception']);
  });
});
