import { cpuBetween } from '@switchboard/stack';

import { INSTANT_MODEL } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import { reported } from '../row.ts';
import type { Row } from '../row.ts';
import { median, percentile } from '../statistics.ts';

const CONNECTIONS = 50;
const DURATION_MS = 10_000;
const DURATION_QUICK_MS = 5_000;

/** How much fits through, and what it costs. */
export const THROUGHPUT: Figure = {
  name: 'throughput',
  about: 'instant answers over 50 connections',
  shape: { workers: 2, poolSize: 25 },
  run: async (stack, { quick }) => {
    await stack.warmUp();
    const before = await stack.usage();
    const { elapsedMs, latencyMs, requests } = await stack.client.run('throughput', {
      baseUrls: stack.gatewayBaseUrls,
      model: INSTANT_MODEL,
      connections: CONNECTIONS,
      durationMs: quick ? DURATION_QUICK_MS : DURATION_MS,
    });
    const cpu = cpuBetween(before, await stack.usage());
    return [
      reported('requests', (requests / elapsedMs) * 1_000, '1/s'),
      reported('answer p50', median(latencyMs), 'ms'),
      reported('answer p99', percentile(latencyMs, 0.99), 'ms'),
      ...[...cpu].map(([name, seconds]): Row => {
        return reported(`${name}, CPU per 1,000 requests`, (seconds / requests) * 1_000, 's');
      }),
    ];
  },
};
