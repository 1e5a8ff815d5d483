import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Harness } from './harness.ts';

it('a link that closes is not connected from then on, although its connection still drains', async (test) => {
  const harness = await Harness.start();
  test.after(() => harness.stop());
  const { link } = await harness.gateway();
  assert.equal(link.connected, true);
  const closed = link.close();
  assert.equal(link.connected, false);
  await closed;
});
