/** A gateway that dies with ends in its hands. Takes as long as its claim on them: 30 s. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { encodeEvents, newRunId, runEnd } from '@switchboard/contract';
import { Cable, until } from '@switchboard/testkit';
import { Harness } from './harness.ts';

const END = encodeEvents({ a: 0, n: 1, e: [{ type: 'cancelled', reason: 'requested' }] });

it('what a dead gateway had in its hands goes to another one, and nothing before that', async (test) => {
  const harness = await Harness.start();
  test.after(() => harness.stop());
  await harness.ensureEvents();
  const cable = await Cable.to(harness.nats.port);
  test.after(() => cable.close());
  const held: string[] = [];
  await harness.recorder(async (run) => {
    held.push(run);
    await new Promise(() => undefined);
  }, cable.url);
  const runs = Array.from({ length: 30 }, () => newRunId('gateway'));
  for (const run of runs) await harness.observer.request(runEnd(run), END, { timeout: 5_000 });
  await until(() => held.length === 8, { what: 'full slots' });
  cable.cut();
  const recorded: string[] = [];
  let slowSeen = 0;
  await harness.recorder(async (run) => {
    recorded.push(run);
    if (run !== runs[29]) return;
    // Longer than its claim: it is renewed while this goes on.
    slowSeen += 1;
    await new Promise((resolve) => setTimeout(resolve, 33_000));
  });
  await until(() => recorded.length === 22, { what: 'what nobody held' });
  assert.ok(recorded.every((run) => !held.includes(run)));
  await until(() => runs.every((run) => recorded.includes(run)), {
    what: 'what the dead one held',
    timeoutMs: 45_000,
  });
  await until(async () => (await harness.unfinished()) === 0, {
    what: 'every acknowledgement',
    timeoutMs: 20_000,
  });
  assert.equal(slowSeen, 1, 'not handed out twice while it was at work');
});
