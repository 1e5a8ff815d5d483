/** Tolerance: `worker_lost` where the agent says fail; nothing of what the worker says later. */
import { test } from 'node:test';

import { stoppedDrill } from '../stopped-drill.ts';
import { passes } from './drill-test.ts';

test('a worker that is stopped and goes on: every run ends once, and no reader hears it', async (t) => {
  await passes(t, ['stopped', '--seconds', '30'], stoppedDrill);
});
