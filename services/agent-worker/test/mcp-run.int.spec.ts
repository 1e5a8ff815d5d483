/** Whole runs whose agent has the tools of an MCP server that misbehaves. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { leakGuard, until } from '@switchboard/testkit';
import { startMcpRig } from './mcp-rig.ts';
import type { McpRig, RigOptions } from './mcp-rig.ts';
import { collect, startRig } from './worker-rig.ts';
import type { Rig } from './worker-rig.ts';

const open: { close(): Promise<void> }[] = [];
after(async () => {
  await Promise.all(open.map((one) => one.close()));
});
leakGuard();

async function start(options: RigOptions = {}): Promise<{ mcp: McpRig; rig: Rig }> {
  const mcp = await startMcpRig(options);
  const rig = await startRig({ mcp_servers: ['test'], tool_timeout: 3_600 }, 2, {
    tools: mcp.servers,
  });
  open.push(mcp, rig);
  await mcp.connected();
  return { mcp, rig };
}

type Result = Extract<RunEvent, { type: 'tool.result' }>;

/** The one call of the run, and that the model went on to its end. */
function resultOf(events: readonly RunEvent[]): Result {
  const results = events.filter((event): event is Result => event.type === 'tool.result');
  assert.equal(results.length, 1, JSON.stringify(events));
  const [result] = results;
  assert.ok(result);
  const end = events.at(-1);
  assert.ok(end?.type === 'completed' && end.finishReason === 'stop', JSON.stringify(end));
  assert.ok(events.some(({ type }) => type === 'text.delta'));
  return result;
}

test('whatever an MCP server does in mid-call, the run gets an error of the tool and goes on', async () => {
  const { mcp, rig } = await start({ settings: { call_timeout: 0.2 } });
  const expected = {
    die: /lost in mid-call: it has ended \(code 3\)/,
    hang: /gave no answer/,
    garbage: /gave no answer/,
    'wrong-id': /gave no answer/,
    malformed: /it is no message/,
    error: /no such city/,
    fail: /^e+…$/,
    'huge-line': /a line of more than/,
    flood: /too many messages/,
  };
  for (const [tool, text] of Object.entries(expected)) {
    await mcp.connected();
    const result = resultOf(await collect(rig.run(`tool=test_${tool},tokens=2`)));
    assert.equal(result.failed, true);
    assert.match(result.output, text);
  }
  await mcp.connected();
  const result = resultOf(await collect(rig.run('tool=test_echo,args={"text":"hi"},tokens=2')));
  assert.deepEqual([result.output, result.failed], ['hi', undefined]);
  assert.equal((await rig.stats()).running, 0);
});

test('a run begins without the tools of a broken server', async () => {
  const { mcp, rig } = await start({ limits: { retryFirstMs: 60_000, retryLongestMs: 60_000 } });
  await mcp.failure('die');
  await mcp.connected();
  await mcp.failure('die');
  await until(() => mcp.status.state === 'broken');
  const events = await collect(rig.run('tool=test_echo,tokens=2'));
  assert.equal(events.at(-1)?.type, 'completed');
  assert.ok(!events.some(({ type }) => type === 'tool.started'));
});

test('a cancelled run leaves its MCP call at once, and the server is told', async () => {
  const { mcp, rig } = await start({ settings: { call_timeout: 3_600 } });
  const cancel = new AbortController();
  const reason = new Error('the caller left');
  const run = collect(rig.run('tool=test_hang,tokens=2', { signal: cancel.signal }));
  await until(async () => (await mcp.diary()).includes('hang'));
  assert.equal(mcp.status.callsRunning, 1);
  cancel.abort(reason);
  await assert.rejects(run, reason);
  await until(() => mcp.status.callsRunning === 0);
  await until(async () => (await mcp.call('cancelled')) !== '[]');
  assert.equal((await rig.stats()).running, 0);
});
