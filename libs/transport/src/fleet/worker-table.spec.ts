import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FLEET_BEAT_MS, FLEET_LOST_MS, type WorkerWord } from '@switchboard/contract';
import fc from 'fast-check';
import { capacityOf } from './forecast.ts';
import { type WorkerState, WorkerTable } from './worker-table.ts';

/** What is promised to whoever looks, with the tick it may take. */
const GONE_MS = 7_000;
const TICK_MS = 500;

const word = (overrides: Partial<WorkerWord> = {}): WorkerWord => ({
  v: 1,
  worker: 'w',
  pool: 'default',
  slots: 5,
  busy: 0,
  draining: false,
  served: 0,
  startedAtMs: 1,
  ...overrides,
});

function tableAt(max?: number) {
  const clock = { ms: 0 };
  const table = new WorkerTable(() => clock.ms, max);
  table.up();
  const pass = (ms: number): void => {
    for (const end = clock.ms + ms; clock.ms < end;) {
      clock.ms = Math.min(end, clock.ms + TICK_MS);
      table.tick();
    }
  };
  const names = (): string[] => [...table.workers('default')].map(({ worker }) => worker);
  return { clock, table, pass, names };
}

describe('the table of workers', () => {
  it('forgets a worker that missed three words, and not one that missed two', () => {
    const { table, pass, names } = tableAt();
    table.hear('t', word());
    pass(3 * FLEET_BEAT_MS);
    assert.deepEqual(names(), ['w']);
    pass(GONE_MS - 3 * FLEET_BEAT_MS);
    assert.deepEqual(names(), []);
    assert.equal(table.size, 0);
  });

  it('forgets a worker that says so at once', () => {
    const { table, names } = tableAt();
    table.hear('t', word());
    table.hear('t', word({ gone: true }));
    assert.deepEqual(names(), []);
  });

  it('forgets nobody while it hears nothing, and says that it is stale', () => {
    const { table, pass, names } = tableAt();
    table.hear('a', word({ worker: 'a' }));
    table.hear('b', word({ worker: 'b' }));
    assert.equal(table.isStale('default'), false);
    table.down();
    pass(60_000);
    assert.deepEqual(names(), ['a', 'b']);
    assert.equal(table.isStale('default'), true);
    table.up();
    assert.deepEqual(names(), ['a', 'b']);
    table.hear('a', word({ worker: 'a' }));
    assert.equal(table.isStale('default'), true, 'b was not heard since');
    pass(FLEET_LOST_MS - 100);
    table.hear('a', word({ worker: 'a' }));
    assert.deepEqual(names().toSorted(), ['a', 'b']);
    pass(TICK_MS);
    assert.deepEqual(names(), ['a']);
    assert.equal(table.isStale('default'), false);
  });

  it('gives everybody the time again after its own process stood still', () => {
    const { clock, table, pass, names } = tableAt();
    table.hear('t', word());
    clock.ms += 30_000;
    assert.deepEqual(names(), ['w'], 'looked at before the first tick');
    table.tick();
    assert.deepEqual(names(), ['w']);
    assert.equal(table.isStale('default'), true);
    pass(GONE_MS);
    assert.deepEqual(names(), []);
  });

  it('does not know yet that there is nobody, until it has listened long enough', () => {
    const { table, pass } = tableAt();
    assert.equal(table.isStale('default'), true);
    pass(GONE_MS);
    assert.equal(table.isStale('default'), false);
  });

  it('does not show a restarted worker twice, but two that live under one name', () => {
    const { table, names } = tableAt();
    table.hear('old', word());
    table.hear('new', word({ startedAtMs: 2 }));
    assert.deepEqual(names(), ['w']);
    table.hear('old', word());
    assert.deepEqual(names(), ['w', 'w']);
    table.hear('new', word({ startedAtMs: 2 }));
    assert.deepEqual(names(), ['w', 'w']);
  });

  it('keeps the workers it knows when there are too many', () => {
    const { table, names } = tableAt(2);
    for (const worker of ['a', 'b']) assert.equal(table.hear(worker, word({ worker })), true);
    assert.equal(table.hear('c', word({ worker: 'c' })), false);
    assert.equal(table.hear('a', word({ worker: 'a', busy: 1 })), true);
    assert.deepEqual(names(), ['a', 'b']);
  });
});

type Step =
  | { readonly kind: 'hear'; readonly token: string; readonly word: WorkerWord }
  | { readonly kind: 'gone'; readonly token: string }
  | { readonly kind: 'pass'; readonly ms: number };

const tokens = fc.constantFrom('a', 'b', 'c', 'd');
const words = fc
  .record({ slots: fc.integer({ min: 1, max: 9 }), busy: fc.nat(9), draining: fc.boolean() })
  .map(({ slots, busy, draining }) => ({ slots, busy: Math.min(busy, slots), draining }));
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(tokens, words).map(([token, said]): Step => ({
    kind: 'hear',
    token,
    word: word({ worker: token, ...said }),
  })),
  tokens.map((token): Step => ({ kind: 'gone', token })),
  fc.integer({ min: 1, max: 9_000 }).map((ms): Step => ({ kind: 'pass', ms })),
);

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

function checkSums(shown: readonly WorkerState[]): void {
  const { slots, busy, free } = capacityOf(shown);
  const taking = shown.filter(({ draining }) => !draining);
  assert.equal(slots, sum(taking.map((each) => each.slots)));
  assert.equal(free, sum(taking.map((each) => each.slots - each.busy)));
  assert.equal(busy, sum(shown.map((each) => each.busy)));
}

it('never shows a worker 7 s after its last word, always one heard 6 s ago; sums agree', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), (sequence) => {
      const { clock, table, pass } = tableAt();
      const model = new Map<string, { readonly atMs: number; readonly said: WorkerWord }>();
      for (const step of sequence) {
        if (step.kind === 'pass') pass(step.ms);
        else if (step.kind === 'gone') {
          model.delete(step.token);
          table.hear(step.token, word({ worker: step.token, gone: true }));
        } else {
          model.set(step.token, { atMs: clock.ms, said: step.word });
          table.hear(step.token, step.word);
        }
        const shown = [...table.workers('default')];
        for (const { worker } of shown) {
          const { atMs } = model.get(worker) ?? { atMs: -Infinity };
          assert.ok(clock.ms - atMs < GONE_MS, `${worker} was silent for ${clock.ms - atMs} ms`);
        }
        const heardLately = [...model].filter(([, { atMs }]) => clock.ms - atMs <= 6_000);
        for (const [token, { said }] of heardLately) {
          const found = shown.find(({ worker }) => worker === token);
          assert.deepEqual({ ...found }, { ...said });
        }
        checkSums(shown);
      }
    }),
    { numRuns: 500, seed: Number(process.env['SEED'] ?? 71) },
  );
});
