import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { DemoOptions } from './options.ts';
import { describePlan, duration, idealSeconds, planDemo, toleranceSeconds } from './plan.ts';

const OPTIONS: DemoOptions = {
  users: 25,
  thinkSeconds: 2,
  poolSize: 5,
  workers: 2,
  before: true,
  json: false,
};

describe('the plan of the demo', () => {
  it('is as many rounds of one chat as the slots need', () => {
    assert.equal(idealSeconds(3, 10, 10), 10);
    assert.equal(idealSeconds(10, 10, 10), 10);
    assert.equal(idealSeconds(11, 10, 10), 20);
    assert.equal(idealSeconds(25, 10, 2), 6);
    assert.equal(idealSeconds(3, 1, 10), 30);
  });

  it('allows 5 % or 200 ms, whichever is more', () => {
    assert.equal(toleranceSeconds(1), 0.2);
    assert.equal(toleranceSeconds(4), 0.2);
    assert.equal(toleranceSeconds(10), 0.5);
  });

  it('says beforehand how long each half takes, and both together', () => {
    const text = describePlan(planDemo(OPTIONS), OPTIONS);
    assert.match(text, /before +1 slot +about 50 s/);
    assert.match(text, /after +10 slots +about 6 s/);
    assert.match(text, /takes about 56 s,/);
    const short = { ...OPTIONS, before: false };
    assert.doesNotMatch(describePlan(planDemo(short), short), /before/);
  });

  it('is refused when a half would take longer than anybody watches', () => {
    const endless = { ...OPTIONS, users: 1_000, thinkSeconds: 60 };
    assert.throws(() => planDemo(endless), /would take 1000 min; at most/);
    assert.throws(() => planDemo({ ...endless, before: false }), /would take 100 min/);
  });

  it('tells durations the way a person does', () => {
    const texts = [duration(0.5), duration(45), duration(119), duration(120), duration(150)];
    assert.deepEqual(texts, ['0.5 s', '45 s', '119 s', '2 min', '2 min 30 s']);
  });
});
