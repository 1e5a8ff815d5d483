/** Tolerance: none for the client; the plain SDK may see `shutting_down`, and can go on from it. */
import { test } from 'node:test';

import { restartDrill } from '../restart-drill.ts';
import { passes } from './drill-test.ts';

test('every process restarted under 200 streams: none is lost, broken, or has a word twice', async (t) => {
  await passes(t, ['restart'], restartDrill);
});
