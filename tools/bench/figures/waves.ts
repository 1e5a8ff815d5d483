import type { Figure } from '../figure.ts';
import { atMost, near } from '../row.ts';

const SHAPE = { workers: 2, poolSize: 5 };

/** More users than slots: they are answered in full rounds. */
export const WAVES: Figure = {
  name: 'waves',
  about: '25 users of 2 s on 10 slots take three rounds',
  shape: SHAPE,
  run: async (stack) => {
    await stack.warmUp();
    const { totalMs } = await stack.client.run('burst', {
      baseUrls: stack.gatewayBaseUrls,
      model: 'sim/think=2s,tokens=20,pace=0',
      groups: [{ name: 'user', users: 25, requestsEach: 1, afterMs: 0 }],
    });
    return [near(6, 0.05, { name: '25 users x 2 s, total', value: totalMs / 1_000, unit: 's' })];
  },
};

/** Fewer users than slots: nobody waits for anybody. */
export const TOGETHER: Figure = {
  name: 'together',
  about: '3 users of 10 s on 10 slots do not wait for each other',
  shape: SHAPE,
  slow: true,
  run: async (stack) => {
    await stack.warmUp();
    const { latencyMs } = await stack.client.run('burst', {
      baseUrls: stack.gatewayBaseUrls,
      model: 'sim/think=10s,tokens=20,pace=0',
      groups: [{ name: 'user', users: 3, requestsEach: 1, afterMs: 0 }],
    });
    const slowest = Math.max(...(latencyMs['user'] ?? [])) / 1_000;
    return [atMost(10.3, { name: '3 users x 10 s, the slowest', value: slowest, unit: 's' })];
  },
};
