import type { Figure } from '../figure.ts';
import { exactly, reported } from '../row.ts';
import { idealMs } from '../statistics.ts';

const TASK_MS = 100;
const SLOTS = 10;
const USERS = 22;
const REQUESTS_EACH = 10;

/** Never more at once than there are slots, and never fewer while work waits. */
export const BOUND: Figure = {
  name: 'bound',
  about: 'most running at once, of 220 tasks of 100 ms on 2 workers of 5 slots',
  shape: { workers: 2, poolSize: 5 },
  run: async (stack) => {
    await stack.warmUp();
    const { totalMs } = await stack.client.run('burst', {
      baseUrls: stack.gatewayBaseUrls,
      model: `sim/think=${TASK_MS}ms,tokens=1`,
      groups: [{ name: 'user', users: USERS, requestsEach: REQUESTS_EACH, afterMs: 0 }],
    });
    const maxRunning = await stack.maxRunning();
    const ideal = idealMs(USERS * REQUESTS_EACH, SLOTS, TASK_MS);
    return [
      exactly(SLOTS, { name: 'most running at once', value: maxRunning, unit: '' }),
      reported(`total (ideal ${ideal} ms)`, totalMs, 'ms'),
    ];
  },
};
