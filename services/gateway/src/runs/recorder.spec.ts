import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { replayOf } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import { MemoryBucket } from '../../test/fake-runs.ts';
import { Recorder } from './recorder.ts';
import { RunRecords } from './run-records.ts';
import type { RunRecord } from './run-records.ts';

const RUN = 'gw_0000000000000000000001';
const EVENTS: readonly RunEvent[] = [
  { type: 'started', worker: 'w' },
  { type: 'completed', finishReason: 'stop' },
];
const GIVEN_UP: readonly RunEvent[] = [
  { type: 'failed', code: 'too_many_attempts', message: 'Given up.' },
];
const WINDOW_MS = 30_000;

function setUp() {
  const buckets = { responses: new MemoryBucket(), idempotency: new MemoryBucket() };
  const records = new RunRecords(buckets);
  const steps: string[] = [];
  const clock = { nowMs: 0 };
  const logs = new Map<string, readonly RunEvent[]>();
  const recorder = new Recorder({
    runs: { readLogged: async (run) => logs.get(run) ?? EVENTS },
    records,
    purge: async (run) => void steps.push(`purge ${run}`),
    removeDeadLetters: async (run) => void steps.push(`letters ${run}`),
    deleteInput: async (run) => void steps.push(`input ${run}`),
    resumeWindowMs: WINDOW_MS,
    now: () => clock.nowMs,
  });
  const keep = async (fields: Partial<RunRecord>) =>
    await records.create({
      v: 1,
      run: RUN,
      kind: 'response',
      owner: 'o',
      createdAtMs: 0,
      stored: true,
      keyed: false,
      request: null,
      ...fields,
    });
  return { recorder, records, steps, clock, keep, logs };
}

describe('Recorder', () => {
  it('keeps the events at once, and takes them off the log when the window is over', async () => {
    const { clock, keep, recorder, records, steps } = setUp();
    await keep({});
    assert.deepEqual(await recorder.onEnd(RUN, 0), { again: WINDOW_MS });
    assert.deepEqual((await records.get(RUN))?.events, EVENTS);
    assert.deepEqual(steps, []);
    clock.nowMs = WINDOW_MS;
    assert.equal(await recorder.onEnd(RUN, 0), undefined);
    assert.deepEqual(steps, [`input ${RUN}`, `purge ${RUN}`]);
    assert.deepEqual((await records.get(RUN))?.events, EVENTS);
  });

  it('lets a record go with its events when it is neither stored nor kept for a key', async () => {
    for (const [fields, kept] of [
      [{ stored: false, keyed: false }, false],
      [{ stored: false, keyed: true }, true],
      [{ stored: true, keyed: false }, true],
    ] as const) {
      const { clock, keep, recorder, records } = setUp();
      await keep(fields);
      clock.nowMs = WINDOW_MS;
      await recorder.onEnd(RUN, 0);
      assert.equal((await records.get(RUN)) !== undefined, kept);
    }
  });

  it('puts the end of a replay in the place of what it replays', async () => {
    const { clock, keep, recorder, records, steps, logs } = setUp();
    const replay = replayOf(RUN, 1) ?? '';
    logs.set(RUN, GIVEN_UP).set(replay, EVENTS);
    await keep({});
    await recorder.onEnd(RUN, 0);
    assert.deepEqual((await records.get(RUN))?.events, GIVEN_UP);
    await recorder.onEnd(replay, 0);
    clock.nowMs = WINDOW_MS;
    // Told late and twice, and in the wrong order: the replay's answer stays.
    for (const run of [replay, RUN, replay]) await recorder.onEnd(run, 0);
    const record = await records.get(RUN);
    assert.deepEqual([record?.events, record?.replays], [EVENTS, 1]);
    const replayed = [`input ${replay}`, `purge ${replay}`];
    assert.deepEqual(steps, [...replayed, `input ${RUN}`, `purge ${RUN}`, ...replayed]);
    assert.equal(await records.get(replay), undefined);
  });

  it('keeps the input of what was given up for its letter, also of a replay', async () => {
    const { clock, keep, recorder, records, steps, logs } = setUp();
    const replay = replayOf(RUN, 1) ?? '';
    logs.set(RUN, GIVEN_UP).set(replay, GIVEN_UP);
    await keep({});
    clock.nowMs = WINDOW_MS;
    for (const run of [RUN, replay]) await recorder.onEnd(run, 0);
    assert.deepEqual(steps, [`purge ${RUN}`, `purge ${replay}`]);
    assert.equal((await records.get(RUN))?.replays, 1);
  });

  it('removes the letter of a response that is not stored, whatever was wrong with it', async () => {
    for (const [kind, code, removed] of [
      ['response', 'too_many_attempts', true],
      ['response', 'request_lost', true],
      ['response', 'provider_error', false],
      ['chat', 'too_many_attempts', false],
    ] as const) {
      const { clock, keep, recorder, steps, logs } = setUp();
      logs.set(RUN, [{ type: 'failed', code, message: 'Failed.' }]);
      await keep({ stored: false, kind });
      clock.nowMs = WINDOW_MS;
      await recorder.onEnd(RUN, 0);
      assert.equal(steps.includes(`letters ${RUN}`), removed, `${kind} ${code}`);
    }
  });

  it('may be told twice, and of a run that nobody keeps', async () => {
    const { clock, recorder, records, steps } = setUp();
    clock.nowMs = WINDOW_MS;
    await recorder.onEnd(RUN, 0);
    await recorder.onEnd(RUN, 0);
    assert.deepEqual(steps, [`purge ${RUN}`, `purge ${RUN}`]);
    assert.equal(await records.get(RUN), undefined);
  });

  it('never puts back a record that was deleted meanwhile', async () => {
    const { keep, recorder, records } = setUp();
    await keep({});
    await records.delete(RUN);
    await recorder.onEnd(RUN, 0);
    assert.equal(await records.get(RUN), undefined);
  });
});
