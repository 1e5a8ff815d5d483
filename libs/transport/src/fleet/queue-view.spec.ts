import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Lane,
  laneConsumer,
  type LaneName,
  LANES,
  PRIORITIES,
  type Priority,
} from '@switchboard/contract';
import fc from 'fast-check';
import { ClassTurns } from '../worker/class-turns.ts';
import type { Place } from './lane-states.ts';
import { type QueueReading, QueueView } from './queue-view.ts';

const reading = (
  pending: readonly [number, number, number, number],
  rest: Partial<QueueReading> & {
    readonly running?: number;
    readonly deliveredSeq?: number;
    /** Waiting in the lanes of high priority. */
    readonly high?: readonly number[];
  } = {},
): QueueReading => {
  const { running = 0, deliveredSeq = 0, high = [], ...overrides } = rest;
  const queued = [...pending, ...high].reduce((all, count) => all + count, 0);
  return {
    outstanding: queued + running,
    bytes: 100 * (queued + running),
    lastSeq: deliveredSeq + queued,
    maxOutstanding: 1_000,
    maxBytes: 1_000_000,
    lanes: PRIORITIES.flatMap((priority) => {
      return LANES.map((lane, index) => ({
        priority,
        lane,
        pending: (priority === 'high' ? high : pending)[index] ?? 0,
        givenOut: priority === 'normal' && lane === 2 ? running : 0,
        deliveredSeq,
      }));
    }),
    ...overrides,
  };
};

const pendingOf = (
  view: QueueView,
  slots: number,
  wanted: Priority = 'normal',
): readonly number[] | undefined =>
  view
    .state(slots)
    ?.lanes.filter(({ priority }) => priority === wanted)
    .map(({ pending }) => pending);

const normal = (lane: Lane, seq: number): Place => ({ priority: 'normal', lane, seq });
const highPlace = (lane: Lane, seq: number): Place => ({ priority: 'high', lane, seq });

describe('the view of a queue', () => {
  it('knows nothing before the server has spoken', () => {
    const view = new QueueView();
    view.submitted(10);
    assert.equal(view.state(5), undefined);
    assert.equal(view.ahead(normal(1, 1), 5), undefined);
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
    for (let seq = 4; seq <= 8; seq++) view.submitted(50, normal(2, seq));
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
    view.submitted(10, normal(1, 1));
    view.submitted(10, normal(1, 2));
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
    assert.equal(view.ahead(normal(2, 7), 5), 1);
    assert.equal(view.ahead(normal(4, 9), 5), 3);
  });

  it('gives a place among evenly spread ones, after all of the better lanes', () => {
    const view = new QueueView();
    view.read(reading([10, 0, 5, 0], { running: 2, deliveredSeq: 100, lastSeq: 120 }));
    assert.equal(view.ahead(normal(1, 101), 2), 0);
    assert.equal(view.ahead(normal(1, 120), 2), 9);
    assert.equal(view.ahead(normal(3, 101), 2), 10);
    assert.equal(view.ahead(normal(3, 120), 2), 14);
  });
});

it('lets the priorities take turns: four high ones for each normal one', () => {
  const view = new QueueView();
  view.read(reading([10, 10, 0, 0], { high: [20, 0, 0, 0], deliveredSeq: 0, lastSeq: 40 }));
  const last = { high: highPlace(1, 40), normal: normal(2, 40) };
  assert.equal(view.ahead(last.high, 0), 19 + 5);
  assert.equal(view.ahead(last.normal, 0), 19 + 20);
  assert.equal(view.ahead(normal(1, 1), 0), 2, 'at once, or after four');
  assert.equal(
    view.ahead(normal(1, 12), 0),
    3 + 3 * 4 + 2,
    'a quarter of its lane, and the high ones of as many rounds',
  );
  for (let count = 0; count < 10; count++) view.ended();
  assert.deepEqual(pendingOf(view, 0, 'high'), [12, 0, 0, 0]);
  assert.deepEqual(pendingOf(view, 0), [8, 10, 0, 0]);
  for (let count = 0; count < 20; count++) view.ended();
  assert.deepEqual(
    [pendingOf(view, 0, 'high'), pendingOf(view, 0)],
    [
      [0, 0, 0, 0],
      [0, 10, 0, 0],
    ],
  );
});

/** One pool with one gateway: what a view of it can know exactly. */
class Simulated {
  readonly slots: number;
  readonly waiting: Place[] = [];
  running = 0;
  seq = 0;
  readonly delivered = new Map<LaneName, number>();
  readonly #turns = new ClassTurns(0);

  constructor(slots: number) {
    this.slots = slots;
  }

  submit(priority: Priority, lane: Lane): Place {
    this.seq += 1;
    const place = { priority, lane, seq: this.seq };
    this.waiting.push(place);
    this.#give();
    return place;
  }

  end(): boolean {
    if (this.running === 0) return false;
    this.running -= 1;
    this.#give();
    return true;
  }

  /** Of its own priority. */
  ahead(place: Place): number {
    return this.waiting.filter(
      ({ priority, lane, seq }) =>
        priority === place.priority &&
        (lane < place.lane || (lane === place.lane && seq < place.seq)),
    ).length;
  }

  reading(): QueueReading {
    const pending = (name: LaneName): number =>
      this.waiting.filter((each) => laneConsumer(each.priority, each.lane) === name).length;
    return {
      outstanding: this.waiting.length + this.running,
      bytes: 10 * (this.waiting.length + this.running),
      lastSeq: this.seq,
      maxOutstanding: 1_000,
      maxBytes: 1_000_000,
      lanes: PRIORITIES.flatMap((priority) => {
        return LANES.map((lane) => ({
          priority,
          lane,
          pending: pending(laneConsumer(priority, lane)),
          givenOut: 0,
          deliveredSeq: this.delivered.get(laneConsumer(priority, lane)) ?? 0,
        }));
      }),
    };
  }

  #give(): void {
    while (this.running < this.slots) {
      const first = this.#turns.highAmong(1) === 1 ? 'high' : 'normal';
      const sorted = this.waiting.toSorted((a, b) => a.lane - b.lane || a.seq - b.seq);
      const best = sorted.find(({ priority }) => priority === first) ?? sorted[0];
      if (best === undefined) return;
      this.#turns.served(best.priority);
      for (const each of PRIORITIES) {
        if (!sorted.some(({ priority }) => priority === each)) this.#turns.nothingOf(each);
      }
      this.waiting.splice(this.waiting.indexOf(best), 1);
      this.delivered.set(laneConsumer(best.priority, best.lane), best.seq);
      this.running += 1;
    }
  }
}

type Act = LaneName | 'end' | 'read';
const ALL = PRIORITIES.flatMap((priority) => LANES.map((lane) => laneConsumer(priority, lane)));
const acts = (lanes: readonly LaneName[]): fc.Arbitrary<Act> =>
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
    } else {
      const priority = PRIORITIES.find((each) => act.startsWith(each)) ?? 'normal';
      view.submitted(10, truth.submit(priority, Number(act.slice(priority.length)) as Lane));
    }
    check(view, truth);
  }
}

const seed = Number(process.env['SEED'] ?? 72);
const slots = fc.integer({ min: 0, max: 4 });

it('counts exactly what one gateway alone does, between two words of the server', () => {
  fc.assert(
    fc.property(slots, fc.array(acts(ALL), { maxLength: 80 }), (size, sequence) => {
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
    fc.property(slots, fc.array(acts(['normal1']), { maxLength: 60 }), (size, sequence) => {
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
    fc.property(slots, fc.array(acts(ALL), { maxLength: 60 }), (size, sequence) => {
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
