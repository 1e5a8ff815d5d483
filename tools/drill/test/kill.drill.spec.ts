/** Tolerance: the documented ends of a run whose workers died, and 20 s for a take-over (p95). */
import { test } from 'node:test';

import { killDrill } from '../kill-drill.ts';
import { passes } from './drill-test.ts';

test('two minutes of SIGKILLs: every background run ends once, with what the model said', async (t) => {
  await passes(t, ['kill', '--seconds', '120'], killDrill);
});
