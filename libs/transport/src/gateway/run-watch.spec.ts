import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TAKEOVER_MS } from '@switchboard/contract';
import { RunWatch } from './run-watch.ts';

const QUEUE_TIMEOUT_MS = 60_000;
const LOOK_MS = 15_001;

function watch(): { run: RunWatch; pass: (ms: number) => void } {
  let nowMs = 1_000;
  const run = new RunWatch(QUEUE_TIMEOUT_MS, () => nowMs);
  run.queued();
  return { run, pass: (ms) => (nowMs += ms) };
}

const message = (seq: number, a = 1) => ({
  seq,
  isEnd: false,
  message: { a, n: 2, e: [] },
  text: '',
});

describe('the watch over a run', () => {
  it('has the queue time-out due until somebody begins the run', () => {
    const { run, pass } = watch();
    pass(QUEUE_TIMEOUT_MS);
    assert.notEqual(run.due(true), 'queue timeout');
    pass(1);
    assert.equal(run.due(true), 'queue timeout');
    assert.equal(run.due(true), 'queue timeout');
    run.heard(0);
    assert.equal(run.due(true), 'queue timeout', 'that was nobody who runs it');
    run.heard(1);
    assert.equal(run.due(true), undefined);
  });

  it('has a look due now and then while nothing is heard, and none while something is', () => {
    const { run, pass } = watch();
    for (let looks = 0; looks < 3; looks += 1) {
      pass(LOOK_MS);
      assert.equal(run.due(true), 'look');
      assert.equal(run.due(true), undefined);
    }
    pass(LOOK_MS);
    run.heard(1);
    assert.equal(run.due(true), undefined);
  });

  it('gives up a run that was begun when it is silent for too long, but not while NATS is away', () => {
    const { run, pass } = watch();
    run.heard(1);
    pass(QUEUE_TIMEOUT_MS + TAKEOVER_MS + 1);
    assert.notEqual(run.due(false), 'lost');
    assert.equal(run.due(true), 'lost');
  });

  it('does not give up a run that only cannot be heard here: looks find new words of it', () => {
    const { run, pass } = watch();
    let seq = 0;
    for (let waitedMs = 0; waitedMs < 3 * (QUEUE_TIMEOUT_MS + TAKEOVER_MS); waitedMs += LOOK_MS) {
      pass(LOOK_MS);
      assert.equal(run.due(true), 'look');
      run.found(message((seq += 1)));
    }
    for (;;) {
      pass(LOOK_MS);
      if (run.due(true) === 'lost') break;
      run.found(message(seq));
    }
  });
});
