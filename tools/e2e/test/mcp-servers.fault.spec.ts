/** An agent with the tools of an MCP server: callers who leave, and workers that end. One slot. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';

import { writeAgentsFile } from '@switchboard/stack';
import type { Worker } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { RawClient } from '../raw-client.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

/** The scripted server of the worker's own tests. */
const SCRIPT = join(import.meta.dirname, '../../../services/agent-worker/test/mcp-server.ts');

const folder = mkdtempSync(join(tmpdir(), 'switchboard-mcp-'));
const diary = join(folder, 'diary');
let stack: TestStack;
let worker: Worker;

before(async () => {
  writeFileSync(diary, '');
  // Nothing ends by its own time here.
  const agent = { name: 'sim/*', model: '*', mcp_servers: ['test'], tool_timeout: 3_600 };
  const how = { command: process.execPath, args: [SCRIPT], env: ['MCP_TEST_DIARY'] };
  const server = { name: 'test', ...how, call_timeout: 3_600 };
  const file = writeAgentsFile([agent], { mcp_servers: [server] });
  const env = { AGENTS_FILE: file, MCP_TEST_DIARY: diary };
  stack = await TestStack.start({ workers: 0, poolSize: 1, gatewayEnv: env, workerEnv: env });
  worker = await stack.stack.addWorker();
});
after(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true });
});

/** What the server's processes have written, of one kind. */
function entries(word: string): readonly string[] {
  const lines = readFileSync(diary, 'utf8').split('\n');
  return lines.filter((line) => line === word || line.startsWith(`${word} `));
}

async function entered(word: string, times: number): Promise<void> {
  const enough = () => entries(word).length === times;
  await until(enough, { what: `${word}, ${times} times`, timeoutMs: PATIENCE_MS });
}

function lives(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a caller who leaves in mid-call', () => {
  afterEach(async () => {
    await stack.queueEmpty();
    const next = await ask(stack.url, chatBody('sim/tool=test_echo,args={"text":"hi"},tokens=2'));
    assert.equal(next.complete, true);
    await stack.idle();
  });

  for (const stream of [true, false]) {
    it(`frees the slot, and the server is told, ${stream ? '' : 'not '}streaming`, async () => {
      const hung = entries('hang').length;
      const told = entries('cancelled').length;
      const body = chatBody('sim/tool=test_hang,tokens=2', { stream });
      const client = await RawClient.chat(stack.url, body, `hang-${String(stream)}`);
      await entered('hang', hung + 1);
      assert.equal(await stack.streams.requests(), 1);
      client.leave();
      await entered('cancelled', told + 1);
      await stack.queueEmpty();
      // The model is not asked what to do with a call that nobody waits for.
      assert.equal((await stack.simulator.runsOf(`hang-${String(stream)}`)).length, 1);
    });
  }
});

describe('a worker that ends leaves no server behind', () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`after ${signal}`, async () => {
      const pid = Number(entries('pid').at(-1)?.split(' ')[1]);
      assert.equal(lives(pid), true);
      worker.process.kill(signal);
      await worker.process.exited;
      await until(() => !lives(pid), { what: 'the server to end', timeoutMs: PATIENCE_MS });
      worker = await stack.stack.addWorker();
    });
  }
});

leakGuard();
