/** Tolerance: `worker_lost` where the agent says fail, a second beginning where it says restart. */
import { test } from 'node:test';

import { shortDrainDrill } from '../short-drain-drill.ts';
import { passes } from './drill-test.ts';

test('workers that may not finish end what has shown something as documented, and nothing else', async (t) => {
  await passes(t, ['restart', '--short-drain', '--streams', '100'], shortDrainDrill);
});
