import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Lane, LANES } from '@switchboard/contract';
import fc from 'fast-check';
import { type QueueReading, QueueView } from './queue-view.ts';

const reading = (
  pending: readonly [number, number, number, number],
  rest: Partial<QueueReading> & { readonly running?: number; readonly deliveredSeq?: number } = {},
): QueueReading => {
  const { running = 0, deliveredSeq = 0, ...overrides } = rest;
  const queued = pending.reduce((all, count) => all + count, 0);
  return {
    outstanding: queued + running,
    bytes: 100 * (queued + running),
    lastSeq: deliveredSeq + queued,
    maxOutstanding: 1_000,
    maxBytes: 1_000_000,
    lanes: LANES.map((lane, index) => ({
      lane,
      pending: pending[index] ?? 0,
      givenOut: lane === 2 ? running : 0,
      deliveredSeq,
    })),
    ...overrides,
  };
};

const pendingOf = (view: QueueView, slots: number): readonly number[] | undefined =>
  view.state(slots)?.lanes.map(({ pending }) => pending);

describe('the view of a queue', () => {
  it('knows nothing before the server has spoken', () => {
    const view = new QueueView();
    view.submitted(10);
    assert.equal(view.state(5), undefined);
    assert.equal(view.ahead({ lane: 1, seq: 1 }, 5), undefined);
  });

  it('says how old the word of the server is', () => {
    let nowMs = 1_000;
    const view = new QueueView(() => nowMs);
    view.read(reading([0, 0, 0, 0]));
    nowMs += 321;
    assert.equal(view.state(5)?.ageMs, 321);
  });

  it('lets free slots take new requests and queues the rest, in their lanes', () => {
    const view = new QueueView();
    view.read(reading([0, 0, 0, 0], { running: 3, deliveredSeq: 3 }));
    for (let seq = 4; seq <= 8; seq++) view.submitted(50, { lane: 2, seq });
    const state = view.state(5);
    assert.deepEqual(pendingOf(view, 5), [0, 3, 0, 0]);
    assert.equal(state?.outstanding, 8);
    assert.equal(state?.running, 5);
    assert.equal(state?.bytes, 300 + 250);
  });

  it('lets an end bring the next one, of the best lane', () => {
    const view = new QueueView();
    view.read(reading([1, 0, 0, 4], { running: 5 }));
    view.ended();
    view.ended();
    assert.deepEqual(pendingOf(view, 5), [0, 0, 0, 3]);
  });

  it('counts an own request once, whether or not the server has counted it', () => {
    const view = new QueueView();
    view.read(reading([0, 0, 0, 0]));
    view.asked();
    view.submitted(10, { lane: 1, seq: 1 });
    view.submitted(10, { lane: 1, seq: 2 });
    view.read(reading([1, 0, 0, 0], { lastSeq: 1 }));
    assert.equal(view.state(0)?.outstanding, 2);
    view.asked();
    view.read(reading([2, 0, 0, 0], { lastSeq: 2 }));
    assert.equal(view.state(0)?.outstanding, 2);
  });

  it('counts an end that came while the server was asked', () => {
    const view = new QueueView();
    view.asked();
    view.ended();
    view.read(reading([0, 0, 0, 0], { running: 3 }));
    assert.equal(view.state(5)?.outstanding, 2);
  });

  it('counts what was given out beyond the slots as waiting, first of its lane', () => {
    const view = new QueueView();
    view.read(reading([1, 0, 0, 1], { running: 7, deliveredSeq: 7 }));
    const state = view.state(5);
    assert.deepEqual(pendingOf(view, 5), [1, 2, 0, 1]);
    assert.deepEqual([state?.queued, state?.running, state?.outstanding], [4, 5, 9]);
    assert.equal(view.ahead({ lane: 2, seq: 7 }, 5), 1);
    assert.equal(view.ahead({ lane: 4, seq: 9 }, 5), 3);
  });

  it('gives a place among evenly spread ones, after all of the better lanes', () => {
    const view = new QueueView();
    view.read(reading([10, 0, 5, 0], { running: 2, deliveredSeq: 100, lastSeq: 120 }));
    assert.equal(view.ahead({ lane: 1, seq: 101 }, 2), 0);
    assert.equal(view.ahead({ lane: 1, seq: 120 }, 2), 9);
    assert.equal(view.ahead({ lane: 3, seq: 101 }, 2), 10);
    assert.equal(view.ahead({ lane: 3, seq: 120 }, 2), 14);
  });
});

/** One pool with one gateway: what a view of it can know exactly. */
class Simulated {
  readonly slots: number;
  readonly waiting: { readonly lane: Lane; readonly seq: number }[] = [];
  running = 0;
  seq = 0;
  readonly delivered = new Map<Lane, number>(LANES.map((lane) => [lane, 0]));

  constructor(slots: number) {
    this.slots = slots;
  }

  submit(lane: Lane): number {
    this.seq += 1;
    this.waiting.push({ lane, seq: this.seq });
    this.#give();
    return this.seq;
  }

  end(): boolean {
    if (this.running === 0) return false;
    this.running -= 1;
    this.#give();
    return true;
  }

  ahead(place: { readonly lane: Lane; readonly seq: number }): number {
    return this.waiting.filter(
      ({ lane, seq }) => lane < place.lane || (lane === place.lane && seq < place.seq),
    ).length;
  }

  reading(): QueueReading {
    const pending = (lane: Lane): number =>
      this.waiting.filter((each) => each.lane === lane).length;
    return {
      outstanding: this.waiting.length + this.running,
      bytes: 10 * (this.waiting.length + this.running),
      lastSeq: this.seq,
      maxOutstanding: 1_000,
      maxBytes: 1_000_000,
      lanes: LANES.map((lane) => ({
        lane,
        pending: pending(lane),
        givenOut: 0,
        deliveredSeq: this.delivered.get(lane) ?? 0,
      })),
    };
  }

  #give(): void {
    while (this.running < this.slots) {
      const best = this.waiting.toSorted((a, b) => a.lane - b.lane || a.seq - b.seq)[0];
      if (best === undefined) return;
      this.waiting.splice(this.waiting.indexOf(best), 1);
      this.delivered.set(best.lane, best.seq);
      this.running += 1;
    }
  }
}

type Act = Lane | 'end' | 'read';
const acts = (lanes: readonly Lane[]): fc.Arbitrary<Act> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<Act>(...lanes) },
    { weight: 3, arbitrary: fc.constant<Act>('end') },
    { weight: 1, arbitrary: fc.constant<Act>('read') },
  );

function replay(
  slots: number,
  sequence: readonly Act[],
  check: (view: QueueView, truth: Simulated) => void,
): void {
  const truth = new Simulated(slots);
  const view = new QueueView();
  view.read(truth.reading());
  for (const act of sequence) {
    if (act === 'read') {
      view.asked();
      view.read(truth.reading());
    } else if (act === 'end') {
      if (truth.end()) view.ended();
    } else view.submitted(10, { lane: act, seq: truth.submit(act) });
    check(view, truth);
  }
}

const seed = Number(process.env['SEED'] ?? 72);
const slots = fc.integer({ min: 0, max: 4 });

it('counts exactly what one gateway alone does, between two words of the server', () => {
  fc.assert(
    fc.property(slots, fc.array(acts(LANES), { maxLength: 80 }), (size, sequence) => {
      replay(size, sequence, (view, truth) => {
        const state = view.state(size);
        assert.equal(state?.queued, truth.waiting.length);
        assert.equal(state.running, truth.running);
        assert.equal(state.bytes, 10 * state.outstanding);
        assert.equal(
          state.queued,
          state.lanes.reduce((all, { pending }) => all + pending, 0),
        );
      });
    }),
    { numRuns: 500, seed },
  );
});

it('knows every place exactly in one lane, and places nobody behind the last in several', () => {
  fc.assert(
    fc.property(slots, fc.array(acts([1]), { maxLength: 60 }), (size, sequence) => {
      replay(size, sequence, (view, truth) => {
        view.asked();
        view.read(truth.reading());
        for (const place of truth.waiting) {
          assert.equal(view.ahead(place, size), truth.ahead(place));
        }
      });
    }),
    { numRuns: 300, seed },
  );
  fc.assert(
    fc.property(slots, fc.array(acts(LANES), { maxLength: 60 }), (size, sequence) => {
      replay(size, sequence, (view, truth) => {
        const queued = truth.waiting.length;
        for (const place of truth.waiting) {
          const ahead = view.ahead(place, size) ?? -1;
          assert.ok(ahead >= 0 && ahead < queued, `${ahead} of ${queued}`);
        }
      });
    }),
    { numRuns: 300, seed },
  );
});
