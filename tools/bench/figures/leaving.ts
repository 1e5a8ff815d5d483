import { fileURLToPath } from 'node:url';

import type { BenchAgents, BenchStack } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import { atMost, reported } from '../row.ts';
import type { Row } from '../row.ts';
import { median } from '../statistics.ts';

const BENCH = new URL('..', import.meta.url);
const ROUNDS = 15;
const LEAVE_AFTER_MS = 400;
const FREE_MAX_MS = 100;

/** What the slot is at when its caller leaves, by the model that brings it there. */
const STATES: Readonly<Record<string, string>> = {
  'inside a tool': 'burn/tool=burn,args={"ms":5000}',
  'inside an MCP call': 'mcp/tool=hang_hang',
  'between steps': 'steps/tool=clock,always=1,think=10ms',
  'during a fallback': 'fallback/unused',
};

const AGENTS: BenchAgents = {
  profiles: [
    { name: 'sim/*', model: '*' },
    { name: 'burn/*', model: '*', tools: ['burn'] },
    { name: 'mcp/*', model: '*', mcp_servers: ['hang'], tool_timeout: 600 },
    { name: 'steps/*', model: '*', tools: ['clock'], max_steps: 100, max_tool_calls: 1_000 },
    {
      name: 'fallback/*',
      model: 'sim/error=500',
      max_retries: 0,
      fallback: [{ provider: 'default', model: 'sim/hang=1' }],
    },
  ],
  modules: fileURLToPath(new URL('agents', BENCH)),
  more: {
    mcp_servers: [
      {
        name: 'hang',
        command: process.execPath,
        args: [fileURLToPath(new URL('hanging-mcp-server.ts', BENCH))],
        call_timeout: 600,
      },
    ],
  },
};

/** A caller who leaves frees its slot, whatever its agent is doing. */
export const LEAVING: Figure = {
  name: 'leaving',
  about: 'from a caller who leaves to the next call of the model, one slot',
  shape: { workers: 1, poolSize: 1, agents: AGENTS },
  run: async (stack) => {
    await stack.warmUp();
    const rows: Row[] = [];
    for (const [state, model] of Object.entries(STATES)) {
      rows.push(...(await leave(stack, state, model)));
    }
    return rows;
  },
};

async function leave(stack: BenchStack, state: string, holder: string): Promise<readonly Row[]> {
  const { leftAtMs, problem } = await stack.client.run('leaves', {
    baseUrl: stack.gatewayBaseUrl,
    holder,
    next: 'sim/tokens=1',
    requestIdPrefix: state.replaceAll(' ', '-'),
    rounds: ROUNDS,
    leaveAfterMs: LEAVE_AFTER_MS,
  });
  if (problem !== undefined) throw new Error(`${state}: ${problem}`);
  const starts = await stack.modelStarts();
  const freeMs = [...leftAtMs].map(([request, atMs]) => (starts.get(request) ?? NaN) - atMs);
  return [
    reported(`slot free p50, left ${state}`, median(freeMs), 'ms'),
    atMost(FREE_MAX_MS, {
      name: `slot free longest, left ${state}`,
      value: Math.max(...freeMs),
      unit: 'ms',
    }),
  ];
}
