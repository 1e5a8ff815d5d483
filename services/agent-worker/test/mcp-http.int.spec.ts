/** MCP servers over streamable HTTP: what they may do to the worker, and what not. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import { leakGuard, until } from '@switchboard/testkit';
import { startHttpServer, startMcpRig } from './mcp-rig.ts';
import type { HttpServer, McpRig, RigOptions } from './mcp-rig.ts';

const rigs: McpRig[] = [];
const servers: HttpServer[] = [];
after(async () => {
  await Promise.all(rigs.map((rig) => rig.close()));
  await Promise.all(servers.map((server) => server.close()));
});
// What undici keeps for a second when it is destroyed.
leakGuard({ timeoutMs: 5_000 });

async function start(
  flags: readonly string[] = [],
  options: RigOptions = {},
): Promise<{ rig: McpRig; http: HttpServer }> {
  const http = await startHttpServer(flags);
  servers.push(http);
  const rig = await startMcpRig({ http, ...options });
  rigs.push(rig);
  await rig.servers.tried(10_000);
  return { rig, http };
}

test('tools are called over event streams and over plain JSON', async () => {
  for (const flags of [[], ['--json']]) {
    const { rig } = await start(flags);
    assert.equal(rig.status.tools, 24);
    assert.equal(await rig.call('echo', { text: 'héllo' }), 'héllo');
    assert.equal(await rig.failure('error'), 'ToolError: The MCP server failed: no such city');
  }
});

test('of servers that are replaced all at once, only the last 16 are kept', async () => {
  const { rig } = await start();
  const names = Array.from({ length: 20 }, (_, number) => `replaced${number}`);
  rig.servers.update(
    names.map((name) => ({ ...rig.settings, name })),
    0,
  );
  await rig.servers.tried(10_000);
  const tools = names.map((name) => {
    const profile = AgentProfile.parse({ name: 'a', model: 'm', mcp_servers: [name] });
    const echo = rig.servers.toolsFor(profile).tools.find((tool) => tool.name === `${name}_echo`);
    assert.ok(echo);
    return echo;
  });
  rig.servers.update([], 1_000_000);
  const { signal } = new AbortController();
  const context = { signal, run: 'r', requestId: 'r', callId: 'c' };
  const outcomes = await Promise.allSettled(
    tools.map((tool) => tool.run({ text: 'kept' }, context)),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [...Array(4).fill('rejected'), ...Array(16).fill('fulfilled')],
  );
});

test('a server killed in mid-call fails the call at once, and is found again', async () => {
  const { rig, http } = await start();
  const failure = rig.failure('hang');
  await until(async () => (await rig.diary()).includes('hang'));
  await http.kill();
  assert.match(await failure, /^ToolError: .* failed: the connection to it failed \(.+\)$/);
  await until(() => rig.status.state === 'broken');
  assert.equal(rig.status.reason, 'the connection to it failed (ECONNREFUSED)');
  await http.restart();
  await rig.connected();
  assert.equal(await rig.call('echo', { text: 'back' }), 'back');
});

test('a server that has forgotten the session is asked for a new one', async () => {
  const { rig, http } = await start();
  await http.restart();
  await until(
    async () => {
      const text = await rig.call('echo', { text: 'back' }).catch(() => '');
      return text === 'back';
    },
    { what: 'a new session' },
  );
});

test('a server that refuses everything, whatever it says, is connected to anew', async () => {
  const { rig } = await start();
  await rig.call('sick');
  assert.equal(await rig.failure('echo'), 'ToolError: The MCP server failed: it answers HTTP 400');
  await until(async () => (await rig.call('echo', { text: 'well' }).catch(() => '')) === 'well');
});

test('a call that is given up closes its request and tells the server', async () => {
  const { rig } = await start(['--json'], { settings: { call_timeout: 0.2, concurrency: 1 } });
  assert.equal(await rig.failure('hang'), 'ToolError: The tool gave no answer in 200 ms.');
  // Whole answers are not cut off.
  await until(async () => (await rig.diary()).includes('cut off'));
  await until(async () => (await rig.call('cancelled')) !== '[]');
  const cancel = new AbortController();
  const call = rig.call('hang', {}, cancel.signal);
  await until(async () => (await rig.diary()).filter((line) => line === 'hang').length === 2);
  const reason = new Error('the caller left');
  cancel.abort(reason);
  await assert.rejects(call, reason);
  assert.equal(await rig.call('echo', { text: 'next' }), 'next');
});

test('an answer that breaks off, or is garbage, fails its call without waiting', async () => {
  const { rig } = await start();
  assert.match(await rig.failure('garbage'), /^ToolError: The MCP server failed: the connection/);
  assert.match(await rig.failure('wrong-id'), /^ToolError: The MCP server failed: the connection/);
  assert.match(
    await rig.failure('malformed'),
    /^ToolError: The MCP server failed: it is no message/,
  );
  const { rig: json } = await start(['--json']);
  const early = 'ToolError: The MCP server failed: it ended its answer too early';
  assert.equal(await json.failure('garbage'), early);
  assert.equal(await json.failure('wrong-id'), early);
  assert.match(await json.failure('huge-line'), /its answer is too long$/);
  assert.equal(await json.call('echo', { text: 'fine' }), 'fine');
});

test('an event that never ends, and a flood of notices, cost the connection', async () => {
  const { rig } = await start();
  assert.match(await rig.failure('huge-line'), /mid-call: it sent an event that is too long\.$/);
  assert.equal(await rig.call('echo', { text: 'back' }), 'back');
  const { rig: flooded } = await start();
  assert.match(await flooded.failure('flood'), /mid-call: it sends too many messages\.$/);
  assert.equal(await flooded.call('echo', { text: 'back' }), 'back');
});

test('a list that has changed is heard of and read again', async () => {
  const { rig } = await start();
  await until(async () => {
    await rig.call('grow');
    return rig.status.tools === 25;
  });
});

test('the token is sent, and without it the reason is the status', async () => {
  const { rig } = await start(['--token'], {
    settings: { bearer_env: 'MCP_TOKEN' },
    variables: { MCP_TOKEN: 'let-me-in' },
  });
  assert.equal(await rig.call('echo', { text: 'in' }), 'in');
  const { rig: out } = await start(['--token']);
  assert.equal(out.status.reason, 'it answers HTTP 401');
  // A redirect would carry it to wherever the server points.
  const { rig: redirected } = await start(['--redirect']);
  assert.equal(redirected.status.reason, 'it answers HTTP 307');
  assert.ok(!JSON.stringify(out.logged).includes('127.0.0.1'));
});

test('the end of the worker ends the session', async () => {
  const { rig } = await start();
  await rig.servers.close();
  await until(async () => (await rig.diary()).includes('deleted'));
});
