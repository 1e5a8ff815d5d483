import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ServiceTime } from './service-time.ts';

it('knows no service time before the first run', () => {
  assert.equal(new ServiceTime().meanMs, undefined);
});

it('is the plain mean of the first twenty runs, and follows a change after that', () => {
  const service = new ServiceTime();
  for (let run = 1; run <= 20; run++) service.add(run * 100);
  assert.equal(Math.round(service.meanMs ?? 0), 1_050);
  for (let run = 0; run < 100; run++) service.add(200);
  assert.ok(Math.abs((service.meanMs ?? 0) - 200) < 10);
  assert.equal(service.count, 120);
});

it('ignores what is no time', () => {
  const service = new ServiceTime();
  for (const ms of [Number.NaN, -1, Number.POSITIVE_INFINITY]) service.add(ms);
  assert.equal(service.meanMs, undefined);
});
