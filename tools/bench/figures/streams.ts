import { cpuBetween } from '@switchboard/stack';

import type { Figure } from '../figure.ts';
import { exactly, reported } from '../row.ts';
import type { Row } from '../row.ts';
import { median, percentile } from '../statistics.ts';

const STREAMS = 1_000;
const TOKENS = 50;
const PACE_MS = 200;
const RAMP_MS = 2_000;
const MIB = 1_024 ** 2;

/** Many slow streams at once: none may lose, double or swap a token. */
export const STREAMS_1000: Figure = {
  name: 'streams',
  about: '1,000 concurrent streams of 5 tokens/s, 2 workers of 500 slots',
  shape: { workers: 2, poolSize: 500 },
  run: async (stack) => {
    await stack.warmUp();
    const before = await stack.usage();
    const result = await stack.client.run('streams', {
      baseUrl: stack.gatewayBaseUrl,
      streams: STREAMS,
      tokens: TOKENS,
      paceMs: PACE_MS,
      rampMs: RAMP_MS,
    });
    const after = await stack.usage();
    const thousands = (STREAMS * TOKENS) / 1_000;
    const cpu = [...cpuBetween(before, after)].map(([name, seconds]): Row => {
      return reported(`${name}, CPU per 1,000 tokens`, seconds / thousands, 's');
    });
    const memory = [...after].map(([name, { residentBytes }]): Row => {
      return reported(`${name}, resident memory`, residentBytes / MIB, 'MiB');
    });
    const why = result.firstProblem === undefined ? '' : ` (${result.firstProblem})`;
    const { firstTokenMs, totalMs } = result;
    return [
      exactly(0, { name: `broken streams${why}`, value: result.broken, unit: '' }),
      exactly(STREAMS, { name: 'most at once', value: await stack.maxRunning(), unit: '' }),
      reported('first token p50', median(firstTokenMs), 'ms'),
      reported('first token p99', percentile(firstTokenMs, 0.99), 'ms'),
      reported(`whole stream p99 (ideal ${TOKENS * PACE_MS} ms)`, percentile(totalMs, 0.99), 'ms'),
      ...memory,
      ...cpu,
    ];
  },
};
