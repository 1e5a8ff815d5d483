import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { seededRandom, testSeed } from '@switchboard/testkit';
import { CapacityGate } from './capacity-gate.ts';
import { Reservations } from './reservations.ts';

const SLOTS = 10;
const SERVICE_MS = 500;
const RATE = (SLOTS * 1_000) / SERVICE_MS;
const DEADLINE_MS = 5_000;

interface Crowd {
  /** Seconds, and how many times its capacity comes newly. */
  readonly phases: readonly (readonly [number, number])[];
  /** Part of the refused that come back exactly when told. */
  readonly returning: number;
  readonly gateways: number;
  /** The predicted wait as a part of the one that comes; default: as it comes. */
  readonly predicted?: number;
}

interface Event {
  readonly atMs: number;
  readonly kind: 'new' | 'again' | 'done';
  readonly user: string;
  readonly beganAtMs: number;
}

/** A pool of first-come slots behind gates, on a simulated clock; every caller is a new one. */
function simulate({ phases, returning, gateways, predicted = 1 }: Crowd, random: () => number) {
  const events: Event[] = [];
  const add = (event: Event): void => {
    let index = events.length;
    while (index > 0 && (events[index - 1]?.atMs ?? 0) < event.atMs) index -= 1;
    events.splice(index, 0, event);
  };
  let fromMs = 0;
  for (const [seconds, load] of phases) {
    const untilMs = fromMs + seconds * 1_000;
    for (let atMs = fromMs; ;) {
      atMs += (-Math.log(1 - random()) * 1_000) / (RATE * load);
      if (atMs > untilMs) break;
      add({ atMs, kind: 'new', user: `user-${events.length}-${atMs}`, beganAtMs: 0 });
    }
    fromMs = untilMs;
  }
  let nowMs = 0;
  const all: Reservations[] = [];
  for (let each = 0; each < gateways; each++) {
    const own = new Reservations({
      now: () => nowMs,
      onChange: (change) => all.forEach((other) => other !== own && other.note(change)),
    });
    all.push(own);
  }
  const gates = all.map((own) => new CapacityGate(own));
  const waiting: Event[] = [];
  const latenciesMs: number[] = [];
  const back = { came: 0, admitted: 0 };
  let [busy, servedInFirst, refused] = [0, 0, 0];
  const firstMs = (phases[0]?.[0] ?? 0) * 1_000;
  for (let event = events.pop(); event !== undefined; event = events.pop()) {
    nowMs = event.atMs;
    if (event.kind === 'done') {
      busy -= 1;
      latenciesMs.push(nowMs - event.beganAtMs);
      if (nowMs <= firstMs) servedInFirst += 1;
    } else {
      if (event.kind === 'again') back.came += 1;
      const turns = Math.max(0, waiting.length + 1 - (SLOTS - busy));
      const waitMs = (predicted * turns * 1_000) / RATE;
      const gate = gates[Math.floor(random() * gateways)];
      try {
        gate?.check(
          { identity: event.user, lane: 1, queueTimeoutMs: 300_000, deadlineMs: DEADLINE_MS },
          { waitMs, serviceMs: SERVICE_MS, ratePerSecond: RATE },
        );
        waiting.push({ ...event, beganAtMs: nowMs });
        if (event.kind === 'again') back.admitted += 1;
      } catch (error) {
        assert.ok(error instanceof SwitchboardError && error.retryAfterMs !== undefined);
        refused += 1;
        const told = error.retryAfterMs;
        if (told < 60_000 && random() < returning) {
          add({ ...event, kind: 'again', atMs: nowMs + told });
        }
      }
    }
    for (; busy < SLOTS; busy++) {
      const next = waiting.shift();
      if (next === undefined) break;
      add({ ...next, kind: 'done', atMs: nowMs + SERVICE_MS * (0.7 + 0.6 * random()) });
    }
  }
  latenciesMs.sort((one, other) => one - other);
  const p95 = latenciesMs[Math.floor(latenciesMs.length * 0.95)] ?? 0;
  return { refused, back, p95, goodput: servedInFirst / ((RATE * firstMs) / 1_000) };
}

describe('the capacity gate', () => {
  for (const gateways of [1, 2, 3]) {
    it(`lets in those who come back when told, ${gateways} gateways`, (test) => {
      const { random } = source(test);
      const phases = [[10, 3], [90, 0.8]] as const; // prettier-ignore
      const { back, p95, refused } = simulate({ phases, returning: 1, gateways }, random);
      assert.ok(refused > 200 && back.came > 200, `${refused} refused, ${back.came} came back`);
      assert.ok(back.admitted >= 0.95 * back.came, `${back.admitted} of ${back.came}`);
      assert.ok(p95 <= DEADLINE_MS, `p95 ${p95}`);
    });
  }

  for (const returning of [0, 0.3, 1]) {
    it(`keeps a threefold overload busy and in time, ${returning} of the refused return`, (test) => {
      const { random } = source(test);
      const crowd = { phases: [[60, 3]], returning, gateways: 2 } as const;
      const { goodput, p95 } = simulate(crowd, random);
      assert.ok(goodput >= 0.95, `goodput ${goodput}`);
      assert.ok(p95 <= DEADLINE_MS, `p95 ${p95}`);
    });
  }

  it('keeps an overload in time also when all waits last longer than predicted', (test) => {
    const { random } = source(test);
    const crowd = { phases: [[60, 3]], returning: 0, gateways: 2, predicted: 0.93 } as const;
    const { goodput, p95 } = simulate(crowd, random);
    assert.ok(goodput >= 0.95, `goodput ${goodput}`);
    assert.ok(p95 <= DEADLINE_MS, `p95 ${p95}`);
  });

  describe('of a caller who has come back when told', () => {
    const candidate = {
      identity: 'a',
      lane: 1,
      queueTimeoutMs: 300_000,
      deadlineMs: 1_000,
    } as const;
    const forecast = { serviceMs: SERVICE_MS, ratePerSecond: RATE };
    let nowMs = 0;
    const gate = new CapacityGate(new Reservations({ now: () => nowMs }));
    const refusal = (waitMs: number): SwitchboardError | undefined => {
      try {
        gate.check(candidate, { ...forecast, waitMs });
        return undefined;
      } catch (error) {
        assert.ok(error instanceof SwitchboardError);
        return error;
      }
    };

    it('takes a wait that a newcomer would be refused for, if it leaves time for a run', () => {
      // 1,000 ms, less 1.3 runs and a tenth: what a newcomer may wait.
      for (const [waitMs, isAdmitted] of [
        [319, true],
        [499, true],
        [501, false],
      ] as const) {
        // prettier-ignore
        nowMs += refusal(2_000)?.retryAfterMs ?? NaN;
        assert.equal(refusal(waitMs) === undefined, isAdmitted, `${waitMs} ms`);
        nowMs += 10_000;
      }
      assert.equal(refusal(317), undefined);
      assert.equal(refusal(319)?.code, 'overloaded');
    });
  });
});

function source(test: Parameters<typeof testSeed>[0]): { random: () => number } {
  const seeded = seededRandom(testSeed(test));
  return { random: () => seeded.next() };
}
