/** Tolerance: `worker_lost` of what had shown something when its worker was ended. */
import { test } from 'node:test';

import { poisonDrill } from '../poison-drill.ts';
import { passes } from './drill-test.ts';

test('requests that end their workers cost three each, and nobody else the answer', async (t) => {
  await passes(t, ['poison', '--seconds', '45'], poisonDrill);
});
