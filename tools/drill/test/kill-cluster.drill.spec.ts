/** Tolerance: as on one nats-server; an election's time does not count for a take-over's 20 s. */
import { test } from 'node:test';

import { killDrill } from '../kill-drill.ts';
import { passes } from './drill-test.ts';

test('the leaders of streams and consumers killed on three nats-servers: every run ends once', async (t) => {
  await passes(t, ['kill', '--replicas', '3', '--seconds', '60'], killDrill);
});
