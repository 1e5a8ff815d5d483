import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Reservations } from './reservations.ts';
import type { ReservationChange } from './reservations.ts';

const RATE = 10;

describe('places told to the refused', () => {
  let nowMs = 0;
  let said: ReservationChange[] = [];
  let places: Reservations;

  beforeEach(() => {
    nowMs = 1_000;
    said = [];
    places = new Reservations({ now: () => nowMs, onChange: (change) => said.push(change) });
  });

  it('come one after the other, at half the pace of the pool', () => {
    const told = ['a', 'b', 'c'].map((user) => places.make(user, 1, 1_000, RATE));
    assert.deepEqual(told, [1_000, 1_200, 1_400]);
  });

  it('are for those who come when told, once, and not before', () => {
    const told = places.make('a', 1, 1_000, RATE);
    assert.equal(places.take('a'), false);
    nowMs += told;
    assert.equal(places.take('b'), false);
    assert.equal(places.take('a'), true);
    assert.equal(places.take('a'), false);
  });

  it('are kept for two seconds after their time', () => {
    const told = places.make('a', 1, 1_000, RATE);
    nowMs += told + 2_001;
    assert.equal(places.take('a'), false);
    assert.equal(places.size, 0);
  });

  it('R1 of callers with much of their own work stand before nobody with less', () => {
    for (let each = 0; each < 200; each++) places.make('flooder', 4, 1_000, RATE);
    assert.equal(places.before(1, 60_000), 0);
    assert.equal(places.make('other', 1, 1_000, RATE), 1_000);
    assert.ok(places.before(4, 60_000) > 0);
  });

  it('R3 count less when nobody takes them up, and more when all do', () => {
    const before = (): number => {
      places.make('probe', 1, 0, RATE);
      const count = places.before(1, 60_000);
      nowMs += 1;
      places.take('probe');
      return count;
    };
    for (let each = 0; each < 100; each++) places.make(`away-${each}`, 2, 0, RATE);
    nowMs += 30_000;
    const few = before();
    assert.ok(few < 0.1, `${few}`);
    for (let each = 0; each < 200; each++) before();
    assert.ok(before() > 0.9);
  });

  it('are not made beyond what a caller can be told to wait', () => {
    let told = 0;
    for (let each = 0; each < 1_000; each++) told = places.make(`u${each}`, 1, 1_000, RATE);
    assert.ok(told >= 60_000);
    assert.ok(places.size <= 60 * RATE);
    assert.equal(said.length, places.size);
  });

  it('of other gateways count here, and can be taken here', () => {
    const other = new Reservations({ now: () => nowMs });
    const told = places.make('a', 1, 1_000, RATE);
    for (const change of said) other.note(change);
    assert.equal(other.make('b', 1, 1_000, RATE), told + 200);
    nowMs += told;
    const taken: ReservationChange[] = [];
    const third = new Reservations({ now: () => nowMs, onChange: (each) => taken.push(each) });
    for (const change of said) third.note(change);
    assert.equal(third.take('a'), true);
    for (const change of taken) places.note(change);
    assert.equal(places.take('a'), false);
  });
});
