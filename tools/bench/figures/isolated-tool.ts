import { fileURLToPath } from 'node:url';

import type { BenchAgents } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import { atMost, exactly, reported } from '../row.ts';
import { percentile } from '../statistics.ts';

const AGENTS: BenchAgents = {
  profiles: [
    { name: 'sim/*', model: '*' },
    { name: 'burn/*', model: '*', tools: ['burn'] },
  ],
  modules: fileURLToPath(new URL('../agents', import.meta.url)),
};
const STREAMS = 8;
/** 4 s, which the tools' 5 s are longer than. */
const STREAM_MODEL = 'sim/tokens=200,pace=20ms';
const TOOL_MODEL = 'burn/tool=burn,args={"ms":5000}';
const TOOLS = 2;
const GAP_OVER_BASE_MAX_MS = 50;

/** Tools that compute delay no tokens of other runs. */
export const ISOLATED_TOOL: Figure = {
  name: 'isolated-tool',
  about: `${STREAMS} streams of 50 tokens/s beside ${TOOLS} tools that compute for 5 s, one worker`,
  shape: { workers: 1, poolSize: STREAMS + TOOLS, agents: AGENTS },
  run: async (stack) => {
    await stack.warmUp();
    const job = { baseUrl: stack.gatewayBaseUrl, model: STREAM_MODEL, streams: STREAMS };
    const base = await stack.client.run('gaps', { ...job, beside: [] });
    const beside = Array.from({ length: TOOLS }, () => TOOL_MODEL);
    const busy = await stack.client.run('gaps', { ...job, beside });
    const problem = base.problem ?? busy.problem;
    if (problem !== undefined) throw new Error(problem);
    const [baseMs, busyMs] = [percentile(base.gapsMs, 0.99), percentile(busy.gapsMs, 0.99)];
    return [
      reported('gap between tokens p99, alone', baseMs, 'ms'),
      reported('gap between tokens p99, beside the tools', busyMs, 'ms'),
      atMost(GAP_OVER_BASE_MAX_MS, {
        name: 'gap between tokens p99, over alone',
        value: busyMs - baseMs,
        unit: 'ms',
      }),
      exactly(1, {
        name: 'tools computed throughout',
        value: Number(busy.besideThroughout),
        unit: '',
      }),
    ];
  },
};
