import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { RunLog } from './run-log.ts';

describe('the log of runs', () => {
  it('keeps the newest runs only', () => {
    const log = new RunLog(3);
    for (const request of ['a', 'b', 'c', 'd']) log.start(request, 's', true);
    assert.deepEqual(
      log.all().map((record) => record.request),
      ['b', 'c', 'd'],
    );
    assert.deepEqual(log.of('a'), []);
    assert.equal(log.counts().running, 4);
  });

  it('numbers the attempts of one request, also when the first are forgotten', () => {
    const log = new RunLog(2);
    for (let attempt = 1; attempt <= 5; attempt += 1) log.start('a', 's', true);
    assert.deepEqual(
      log.of('a').map((record) => record.attempt),
      [4, 5],
    );
  });

  it('keeps the times of 4,096 tokens and counts the rest', () => {
    const log = new RunLog();
    const record = log.start('a', 's', true);
    for (let token = 0; token < 5_000; token += 1) log.token(record, token);
    assert.equal(record.tokensAtMs.length, 4_096);
    assert.equal(record.tokens, 5_000);
    assert.equal(record.firstTokenAtMs, 0);
  });

  it('keeps nothing more of a run it gave up', () => {
    const log = new RunLog(1);
    const record = log.start('a', 's', true);
    log.start('b', 's', true);
    log.token(record, 1);
    assert.deepEqual(record.tokensAtMs, []);
    assert.equal(log.counts().tokens, 1);
  });

  it('ends a run once', () => {
    const log = new RunLog();
    const record = log.start('a', 's', true);
    log.end(record, 'aborted', 1);
    log.end(record, 'finished', 2);
    assert.deepEqual([record.outcome, record.endedAtMs], ['aborted', 1]);
    const { running, aborted, finished } = log.counts();
    assert.deepEqual([running, aborted, finished], [0, 1, 0]);
  });

  it('balances after a reset in the middle of runs', () => {
    const log = new RunLog();
    const record = log.start('a', 's', true);
    log.end(log.start('b', 's', false), 'finished', 1);
    log.reset();
    assert.deepEqual(log.all(), [record]);
    const { started, running, maxRunning, finished } = log.counts();
    assert.deepEqual([started, running, maxRunning, finished], [1, 1, 1, 0]);
    log.end(record, 'finished', 1);
    assert.deepEqual(log.counts().runningByScript, {});
  });
});
