/** Tolerance: none for sizes and answers, 16 MiB for the memory of a gateway. */
import { test } from 'node:test';

import { soakDrill } from '../soak-drill.ts';
import { passes } from './drill-test.ts';

test('two minutes with every bucket full: sizes stay bounded, what runs ends, memory stays flat', async (t) => {
  await passes(t, ['soak', '--seconds', '120'], soakDrill);
});
