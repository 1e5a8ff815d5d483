import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { FinalResponse, ReadEvent } from './response-reader.ts';
import type { ModelCall } from './simulator-log.ts';
import { problemsOf, type Reading, type StoppedRun } from './stopped-judge.ts';

const TEXT = 'one two';
const STOPPED_AT_MS = 1_000;

function finalOf(status: string, text: string, code?: string): FinalResponse {
  const error = code === undefined ? null : { code };
  return { id: 'resp_1', status, error, output: [{ content: [{ text }] }] };
}

/** A reader who was given these pieces, and then the end. */
function reading(pieces: readonly string[], final = finalOf('completed', TEXT)): Reading {
  const deltas = pieces.map((delta, index): ReadEvent => {
    return { type: 'response.output_text.delta', sequence_number: index, delta, item_id: 'a' };
  });
  const type = final.status === 'completed' ? 'response.completed' : 'response.failed';
  const end = { type, sequence_number: pieces.length, response: final };
  return { events: [...deltas, end], final, text: pieces.join(''), problem: undefined };
}

function call(startedAtMs: number, outcome: ModelCall['outcome'] = 'aborted'): ModelCall {
  return { request: 'r', startedAtMs, endedAtMs: null, outcome };
}

const WHOLE = reading(['one ', 'two']);
const RUN: StoppedRun = {
  id: 'r',
  fate: 'is taken over',
  text: TEXT,
  live: [WHOLE, WHOLE],
  later: [WHOLE],
  finals: [finalOf('completed', TEXT)],
};
const CALLS = [call(0), call(STOPPED_AT_MS + 16_000, 'finished')];

function problems(changes: Partial<StoppedRun>, calls: readonly ModelCall[] = CALLS): string {
  return problemsOf({ ...RUN, ...changes }, calls, STOPPED_AT_MS).join('\n');
}

describe('the judge of a stopped worker', () => {
  it('has nothing against a run that was taken over, nor one that failed as documented', () => {
    assert.equal(problems({}), '');
    const lost = finalOf('failed', 'one ', 'worker_lost');
    const half = reading(['one '], lost);
    const failed = { live: [half], later: [half], finals: [lost] };
    assert.equal(problems({ fate: 'fails', ...failed }, [call(0)]), '');
  });

  it('finds what the stopped worker said late', () => {
    const late = reading(['one ', 'two', 'two']);
    assert.match(problems({ live: [WHOLE, late] }), /reader 2 read .*two/);
    assert.match(problems({ later: [late] }), /a later reader read/);
  });

  it('finds that two readers were given different events', () => {
    assert.match(problems({ live: [WHOLE, reading([TEXT])] }), /two readers differ/);
  });

  it('finds a second end, an event after the end, and a gap', () => {
    const [, , end] = WHOLE.events;
    assert.ok(end !== undefined);
    const after = (event: ReadEvent): Reading => ({ ...WHOLE, events: [...WHOLE.events, event] });
    const more = { ...end, sequence_number: 3 };
    assert.match(problems({ live: [after(more)] }), /got 2 ends/);
    const delta = { type: 'response.output_text.delta', sequence_number: 3 };
    assert.match(problems({ live: [after(delta)] }), /after the end/);
    const gap = { ...WHOLE, events: WHOLE.events.filter((_, index) => index !== 1) };
    assert.match(problems({ live: [gap] }), /got event 2 as number 1/);
  });

  it('finds that it ended otherwise, for a reader or in a GET', () => {
    assert.match(problems({ fate: 'fails' }, [call(0)]), /was told completed/);
    const failed = finalOf('failed', 'one', 'worker_lost');
    assert.match(problems({ finals: [failed] }), /GET was told failed worker_lost/);
    assert.match(problems({ live: [{ ...WHOLE, problem: 'reset' }] }), /was cut off: reset/);
  });

  it('finds a call too many, one that was never given up, and a late take-over', () => {
    assert.match(problems({}, [...CALLS, call(2)]), /asked 3 times, not 2/);
    assert.match(problems({}, [call(0, 'running'), call(2)]), /never given up/);
    assert.match(problems({}, [call(0), call(STOPPED_AT_MS + 26_000)]), /after 26000 ms/);
  });
});
