import { INSTANT_MODEL } from '../bench-stack.ts';
import type { BenchStack } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import { atMost, reported } from '../row.ts';
import type { Row } from '../row.ts';
import { median, percentile } from '../statistics.ts';

const SHAPE = { workers: 1, poolSize: 10 };
const WARM_UP = 200;
const PAIRS = 1_000;
const PAIRS_QUICK = 500;

/** What the whole path adds to an answer that the model gives at once. */
export const LATENCY: Figure = {
  name: 'latency',
  about: 'time the whole path adds to an instant answer, one request at a time',
  shape: SHAPE,
  run: (stack, { quick }) => measurePairs(stack, quick, { stream: false, boundMs: 4 }),
};

/** What the whole path adds to the first token of a stream. */
export const FIRST_TOKEN: Figure = {
  name: 'first-token',
  about: 'time the whole path adds to the first token of a stream, one at a time',
  shape: SHAPE,
  run: (stack, { quick }) => measurePairs(stack, quick, { stream: true, boundMs: 5 }),
};

async function measurePairs(
  stack: BenchStack,
  quick: boolean,
  { boundMs, stream }: { readonly boundMs: number; readonly stream: boolean },
): Promise<readonly Row[]> {
  const { client, directBaseUrl, gatewayBaseUrl } = stack;
  await stack.warmUp();
  const { directMs, gatewayMs } = await client.run('pairs', {
    directBaseUrl,
    gatewayBaseUrl,
    model: INSTANT_MODEL,
    stream,
    warmUp: WARM_UP,
    pairs: quick ? PAIRS_QUICK : PAIRS,
  });
  const added = median(gatewayMs) - median(directMs);
  return [
    reported('direct p50', median(directMs), 'ms'),
    reported('direct p95', percentile(directMs, 0.95), 'ms'),
    reported('through Switchboard p50', median(gatewayMs), 'ms'),
    reported('through Switchboard p95', percentile(gatewayMs, 0.95), 'ms'),
    atMost(boundMs, { name: 'added, difference of p50', value: added, unit: 'ms' }),
  ];
}
