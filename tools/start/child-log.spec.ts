import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { humanLine, jsonLine } from './child-log.ts';

describe('the log lines of npm start', () => {
  it('show a person the problems of each process, short, and nothing else', () => {
    assert.equal(humanLine('gateway 1', '{"level":30,"msg":"request done"}'), undefined);
    assert.equal(humanLine('llm-simulator', '{"level":"info","msg":"listening"}'), undefined);
    assert.equal(humanLine('nats-server', '[7] 2026/01/01 10:00:00.1 [INF] ready'), undefined);
    assert.equal(humanLine('worker 1', ''), undefined);

    const failure = '{"level":50,"msg":"run failed","err":{"message":"no route\\nstack"}}';
    assert.match(
      humanLine('worker 1', failure) ?? '',
      /^[\d:]{8} worker 1 error: run failed: no route$/,
    );
    const slow = '[7] 2026/01/01 10:00:00.1 [WRN] slow consumer';
    assert.match(humanLine('nats-server', slow) ?? '', /nats-server warning: slow consumer$/);
    const known =
      '[7] 2026/01/01 10:00:00.1 [WRN] Plaintext passwords detected, use nkeys or bcrypt';
    assert.equal(humanLine('nats-server', known), undefined);
    const leaving = 'Waiting for the debugger to disconnect...';
    assert.equal(humanLine('worker 1', leaving), undefined);
    assert.match(humanLine('worker 1', 'TypeError: x') ?? '', /worker 1 error: TypeError: x$/);
    assert.ok((humanLine('worker 1', 'y'.repeat(5_000)) ?? '').length < 400);
  });

  it('are all JSON when that is asked for', () => {
    const line = '{"level":30,"msg":"request done"}';
    assert.equal(jsonLine('gateway 1', line), line);
    for (const text of ['[7] 2026/01/01 10:00:00.1 [WRN] slow', 'TypeError: x', '{"cut":']) {
      const wrapped = JSON.parse(jsonLine('nats-server', text) ?? '');
      assert.equal(wrapped.name, 'nats-server');
      assert.match(wrapped.level, /^(warn|error)$/);
    }
    assert.equal(jsonLine('nats-server', '[7] 2026/01/01 10:00:00.1 [INF] '), undefined);
  });
});
