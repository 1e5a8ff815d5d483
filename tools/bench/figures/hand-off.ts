import { INSTANT_MODEL } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import { atMost, reported } from '../row.ts';
import { median, percentile } from '../statistics.ts';

const REQUESTS = 500;
const REQUEST_ID_PREFIX = 'hand-off';
export const HAND_OFF_BOUND_MS = 5;

/** How fast a request reaches a slot that waits for one. */
export const HAND_OFF: Figure = {
  name: 'hand-off',
  about: 'from acceptance to the start in an idle slot, one request at a time',
  shape: { workers: 2, poolSize: 5 },
  run: async (stack) => {
    await stack.warmUp();
    const { queueWaitMs, sentAtMs } = await stack.client.run('singles', {
      baseUrl: stack.gatewayBaseUrl,
      model: INSTANT_MODEL,
      warmUp: 50,
      requests: REQUESTS,
      // Long enough for the slot to be idle again.
      gapMs: 10,
      requestIdPrefix: REQUEST_ID_PREFIX,
    });
    const starts = await stack.modelStarts();
    const toModelMs = sentAtMs.map((sentMs, number) => {
      return (starts.get(`${REQUEST_ID_PREFIX}-${number}`) ?? NaN) - sentMs;
    });
    const name = 'x-queue-wait-ms p95';
    return [
      reported('x-queue-wait-ms p50', median(queueWaitMs), 'ms'),
      atMost(HAND_OFF_BOUND_MS, { name, value: percentile(queueWaitMs, 0.95), unit: 'ms' }),
      reported('client to model p50', median(toModelMs), 'ms'),
      reported('client to model p95', percentile(toModelMs, 0.95), 'ms'),
    ];
  },
};
