import assert from 'node:assert/strict';
import { it } from 'node:test';
import { OwnUses } from './own-uses.ts';

const VIEWER = { scopes: new Set<string>(), account: 'key:one', maxOutstanding: undefined };

it('asks once for all who look within a moment, and again after it', async () => {
  let nowMs = 0;
  const asked: string[] = [];
  const read = (pool: string, account: string) => Promise.resolve(asked.push(`${pool} ${account}`));
  const uses = new OwnUses({ read, maxOutstanding: 256, now: () => nowMs });
  const looks = await Promise.all([uses.of(VIEWER, 'a'), uses.of(VIEWER, 'a')]);
  assert.deepEqual(looks, [
    { outstanding: 1, maxOutstanding: 256 },
    { outstanding: 1, maxOutstanding: 256 },
  ]);
  nowMs = 200;
  assert.equal((await uses.of(VIEWER, 'a'))?.outstanding, 2);
  await uses.of({ ...VIEWER, account: 'key:two' }, 'a');
  await uses.of(VIEWER, 'b');
  assert.deepEqual(asked, ['a key:one', 'a key:one', 'a key:two', 'b key:one']);
});

it("says a viewer's own limit where there is one, and nothing while the queue is away", async () => {
  let isAway = false;
  const read = async () => {
    if (isAway) throw new Error('away');
    return 3;
  };
  let nowMs = 0;
  const uses = new OwnUses({ read, maxOutstanding: 256, now: () => nowMs });
  const limited = { ...VIEWER, maxOutstanding: 5 };
  assert.deepEqual(await uses.of(limited, 'a'), { outstanding: 3, maxOutstanding: 5 });
  isAway = true;
  nowMs = 1_000;
  assert.equal(await uses.of(limited, 'a'), undefined);
});

it('remembers a bounded number of accounts', async () => {
  let reads = 0;
  const read = () => Promise.resolve((reads += 1));
  const uses = new OwnUses({ read, maxOutstanding: 1, now: () => 0 });
  for (let at = 0; at <= 1_000; at++) await uses.of({ ...VIEWER, account: `key:${at}` }, 'a');
  await uses.of({ ...VIEWER, account: 'key:1000' }, 'a');
  assert.equal(reads, 1_001);
  await uses.of({ ...VIEWER, account: 'key:0' }, 'a');
  assert.equal(reads, 1_002);
});
