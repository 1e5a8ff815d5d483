/** What thousands of bad calls leave in the worker: nothing. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { leakGuard, until } from '@switchboard/testkit';
import type { Tool } from '../src/tools/tool.ts';
import { startHttpServer, startMcpRig } from './mcp-rig.ts';
import type { HttpServer, McpRig } from './mcp-rig.ts';

const CALLS = 5_000;
/** 52 bytes a call: a promise, a timer or a listener kept of each is more. */
const GROWTH_MAX = 256 * 1024;
/** Answered badly, or not at all: those are cancelled. */
const KINDS = ['malformed', 'no-result', 'error', 'fail', 'hang', 'parts', 'error', 'hang'];
const RARE = ['garbage', 'wrong-id', 'big'];

const rigs: McpRig[] = [];
const servers: HttpServer[] = [];
after(async () => {
  await Promise.all(rigs.map((rig) => rig.close()));
  await Promise.all(servers.map((server) => server.close()));
});
leakGuard({ timeoutMs: 5_000 });

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function memoryUsed(): Promise<number> {
  // Twice, with a turn between: what a finalizer frees is freed by the second.
  for (let round = 0; round < 3; round += 1) {
    collect();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** All under one signal that outlives them, as a run's does. */
async function callBadly(tools: ReadonlyMap<string, Tool>, calls: number): Promise<void> {
  const run = new AbortController();
  const one = async (number: number): Promise<void> => {
    const kind =
      number % 50 === 0 ? RARE[(number / 50) % RARE.length] : KINDS[number % KINDS.length];
    const tool = tools.get(kind ?? '');
    assert.ok(tool);
    const call = new AbortController();
    const unanswered = ['hang', 'garbage', 'wrong-id'].includes(kind ?? '');
    const signal = unanswered ? call.signal : run.signal;
    const outcome = tool.run({}, { signal, run: 'r', requestId: 'r', callId: `${number}` });
    if (unanswered) setImmediate(() => call.abort());
    await outcome.catch(() => {});
  };
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < calls) {
      next += 1;
      await one(next);
    }
  };
  await Promise.all(Array.from({ length: 8 }, loop));
  assert.equal(getEventListeners(run.signal, 'abort').length, 0);
}

async function growth(rig: McpRig): Promise<number> {
  const tools = new Map([...KINDS, ...RARE].map((name) => [name, rig.tool(name)]));
  await callBadly(tools, CALLS / 4);
  // The engine's own code may grow in one round; what is kept of calls grows in both.
  return Math.min(await growthOf(CALLS), await growthOf(CALLS));

  async function growthOf(calls: number): Promise<number> {
    const before = await memoryUsed();
    await callBadly(tools, calls);
    await until(() => rig.status.callsRunning === 0);
    return (await memoryUsed()) - before;
  }
}

test('thousands of bad calls over stdio leave nothing', async (context) => {
  const rig = await startMcpRig();
  rigs.push(rig);
  await rig.connected();
  const bytes = await growth(rig);
  context.diagnostic(`${CALLS} bad calls, ${Math.round(bytes / 1024)} KiB more than before`);
  assert.ok(bytes < GROWTH_MAX, `${bytes} bytes more than before`);
  // They were real: the server has seen all but those that were cancelled while they waited.
  const seen = Number(await rig.call('calls'));
  assert.ok(seen > CALLS / 2, `the server saw ${seen} calls`);
});

test('thousands of bad calls over HTTP leave nothing', async (context) => {
  const http = await startHttpServer();
  servers.push(http);
  const rig = await startMcpRig({ http });
  rigs.push(rig);
  await rig.connected();
  const bytes = await growth(rig);
  context.diagnostic(`${CALLS} bad calls, ${Math.round(bytes / 1024)} KiB more than before`);
  assert.ok(bytes < GROWTH_MAX, `${bytes} bytes more than before`);
});

test('a server that is lost again and again leaves nothing', async (context) => {
  const rig = await startMcpRig({ limits: { retryFirstMs: 1, retryLongestMs: 2 } });
  rigs.push(rig);
  const lose = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      await rig.connected();
      await rig.failure('huge-line');
      await until(() => rig.status.state !== 'connected');
    }
  };
  await lose(4);
  const before = await memoryUsed();
  await lose(12);
  const bytes = (await memoryUsed()) - before;
  context.diagnostic(`12 connections lost, ${Math.round(bytes / 1024)} KiB more than before`);
  assert.ok(bytes < GROWTH_MAX, `${bytes} bytes more than before`);
});
