/** MCP servers that are processes of the worker: what they may do to it, and what not. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import { leakGuard, until } from '@switchboard/testkit';
import { idsIn, lives, startMcpRig } from './mcp-rig.ts';
import type { McpRig, RigOptions } from './mcp-rig.ts';

const rigs: McpRig[] = [];
after(async () => {
  await Promise.all(rigs.map((rig) => rig.close()));
});
leakGuard();

async function start(options?: RigOptions): Promise<McpRig> {
  const rig = await startMcpRig(options);
  rigs.push(rig);
  await rig.servers.tried(10_000);
  return rig;
}

test('a server that dies in mid-call fails the call at once, and is started again', async () => {
  const rig = await start();
  const text = await rig.failure('die');
  assert.equal(text, 'ToolError: The MCP server was lost in mid-call: it has ended (code 3).');
  // The run goes on: the next call waits for the new process.
  assert.equal(await rig.call('echo', { text: 'back' }), 'back');
  assert.equal((await rig.pids()).length, 2);
});

test('a server that dies again and again is broken, with a reason, and still comes back', async () => {
  const rig = await start({ limits: { retryFirstMs: 200, retryLongestMs: 200 } });
  await rig.failure('die');
  const again = rig.tool('die');
  await rig.failure('die');
  await until(() => rig.status.state === 'broken');
  assert.equal(rig.status.reason, 'it has ended (code 3)');
  const profile = AgentProfile.parse({ name: 'a', model: 'm', mcp_servers: ['test'] });
  assert.deepEqual(rig.servers.toolsFor(profile), {
    tools: [],
    problems: ['test: it has ended (code 3)'],
  });
  const { signal } = new AbortController();
  await assert.rejects(
    again.run({}, { signal, run: 'r', requestId: 'r', callId: 'c' }),
    /^ToolError: The MCP server of this tool cannot be used now: it has ended/,
  );
  await rig.connected();
});

test('a killed server is the same', async () => {
  const rig = await start();
  const failure = rig.failure('hang');
  await until(async () => (await rig.diary()).includes('hang'));
  const [pid] = await rig.pids();
  assert.ok(pid);
  process.kill(pid, 'SIGKILL');
  assert.match(await failure, /^ToolError: .* lost in mid-call: it has ended \(SIGKILL\)\.$/);
  assert.equal(await rig.call('echo', { text: 'back' }), 'back');
});

test('a hung call ends with its time, tells the server, and gives its slot back', async () => {
  const rig = await start({ settings: { call_timeout: 0.2, concurrency: 1 } });
  assert.equal(await rig.failure('hang'), 'ToolError: The tool gave no answer in 200 ms.');
  assert.equal(await rig.call('echo', { text: 'next' }), 'next');
  const ids = JSON.parse(await rig.call('cancelled')) as unknown[];
  assert.equal(ids.length, 1);
  assert.ok((await rig.diary()).includes('ping'));
  // The server lives: it was the tool that hung.
  assert.equal((await rig.pids()).length, 1);
});

test('a server that hangs as a whole is made anew', async () => {
  const rig = await start({
    flags: ['--no-ping'],
    settings: { call_timeout: 0.1, concurrency: 1 },
  });
  await until(async () => {
    if (rig.status.state === 'connected') await rig.failure('hang').catch(() => {});
    return (await rig.pids()).length > 1;
  });
  assert.ok(
    rig.logged.some(({ fields }) => 'reason' in fields && fields.reason === 'it does not answer'),
  );
});

test('cancelling a call returns at once with the reason of the signal', async () => {
  const rig = await start({ settings: { call_timeout: 3_600 } });
  const cancel = new AbortController();
  const call = rig.call('hang', {}, cancel.signal);
  await until(async () => (await rig.diary()).includes('hang'));
  const reason = new Error('the caller left');
  cancel.abort(reason);
  await assert.rejects(call, reason);
  assert.equal(rig.status.callsRunning, 0);
  await until(async () => (await rig.call('cancelled')) !== '[]');
});

test('calls beyond the bound wait in order, and one that is cancelled leaves the queue', async () => {
  const rig = await start({ settings: { concurrency: 2 } });
  const ends = [new AbortController(), new AbortController(), new AbortController()];
  const hung = ends.map(({ signal }) => rig.call('hang', {}, signal).catch(() => 'aborted'));
  const last = rig.call('echo', { text: 'last' });
  await until(async () => (await rig.diary()).filter((line) => line === 'hang').length === 2);
  assert.equal(rig.status.callsRunning, 2);
  assert.equal(rig.status.callsWaiting, 2);
  ends[2]?.abort();
  assert.equal(await hung[2], 'aborted');
  assert.equal(rig.status.callsWaiting, 1);
  ends[0]?.abort();
  assert.equal(await last, 'last');
  ends[1]?.abort();
  await Promise.all(hung);
  // The third never reached the server.
  assert.equal((await rig.diary()).filter((line) => line === 'hang').length, 2);
});

test('garbage is not an answer: the call ends with its time, the connection goes on', async () => {
  const rig = await start({ settings: { call_timeout: 0.2 } });
  assert.match(await rig.failure('garbage'), /gave no answer/);
  assert.match(await rig.failure('wrong-id'), /gave no answer/);
  assert.equal(await rig.call('echo', { text: 'fine' }), 'fine');
  assert.equal((await rig.pids()).length, 1);
});

test('an answer that is malformed fails its call without waiting', async () => {
  const rig = await start();
  assert.equal(
    await rig.failure('malformed'),
    'ToolError: The MCP server failed: it is no message',
  );
  assert.match(await rig.failure('no-result'), /^ToolError: The answer of the MCP server is no/);
  assert.equal(await rig.failure('error'), 'ToolError: The MCP server failed: no such city');
  assert.match(await rig.call('deep'), /^\{"a":\[{100000}\]{100000}\}$/);
  assert.equal(await rig.call('echo', { text: 'fine' }), 'fine');
});

test('an error of the server is told in its words, also with a code that the SDK uses', async () => {
  const rig = await start();
  for (const code of [-32_000, -32_001]) {
    for (const data of [undefined, null, 'late']) {
      const failure = await rig.failure('error', { code, data });
      assert.equal(failure, 'ToolError: The MCP server failed: no such city', `${code}`);
    }
  }
  // It has answered: nobody asks whether it lives. What is sent arrives in its order.
  assert.equal(await rig.call('echo', { text: 'fine' }), 'fine');
  assert.ok(!(await rig.diary()).includes('ping'));
});

test('a line that never ends costs the connection, not the memory', async () => {
  const rig = await start();
  assert.match(await rig.failure('huge-line'), /lost in mid-call: it sent a line of more than/);
  assert.equal(await rig.call('echo', { text: 'back' }), 'back');
});

test('a flood of notices costs the connection, not the worker', async () => {
  const rig = await start();
  assert.match(await rig.failure('flood'), /lost in mid-call: it sends too many messages\.$/);
  assert.equal(await rig.call('echo', { text: 'back' }), 'back');
  const [flooder] = await rig.pids();
  assert.ok(flooder);
  await until(async () => !(await lives(flooder)), { what: 'the flooding process to end' });
});

test('a server that does not read costs the connection, not the memory', async () => {
  const rig = await start({ settings: { concurrency: 8 } });
  const text = 'x'.repeat(1024 * 1024);
  const hung = rig.failure('unread');
  const calls = Array.from({ length: 7 }, () => rig.failure('echo', { text }));
  for (const failure of await Promise.all([hung, ...calls])) {
    assert.match(failure, /it does not read what it is sent\.$/);
  }
});

test('the worker offers a server nothing: no model, nothing to ask', async () => {
  const rig = await start();
  const error = JSON.parse(await rig.call('asking')) as { readonly code: number };
  assert.equal(error.code, -32_601);
});

test('a server that never answers, or speaks another version, leaves a worker that runs', async () => {
  const deaf = await start({ flags: ['--deaf'], limits: { connectTimeoutMs: 100 } });
  assert.equal(deaf.status.reason, 'it does not answer');
  const other = await start({ flags: ['--other-version'] });
  assert.equal(other.status.reason, 'it does not speak a version of MCP that we know');
  const none = await start({ settings: { command: 'no-such-command-anywhere' } });
  assert.equal(none.status.reason, 'its command cannot be started (ENOENT)');
  const lacking = await start({ settings: { env: ['NOT_THERE'] } });
  assert.equal(lacking.status.reason, 'the variable NOT_THERE is not set');
  const empty = await start({ flags: ['--no-tools'] });
  assert.equal(empty.status.state, 'connected');
  assert.equal(empty.status.tools, 0);
});

test('bad tools are left out one by one, with a reason', async () => {
  const rig = await start({ flags: ['--bad-tools'] });
  const profile = AgentProfile.parse({ name: 'a', model: 'm', mcp_servers: ['test'] });
  const { tools, problems } = rig.servers.toolsFor(profile);
  assert.equal(problems.length, 7, problems.join('\n'));
  assert.ok(problems.includes('test: its tool echo is left out: there are two of this name'));
  assert.ok(
    problems.includes('test: its tool deep-schema is left out: its schema is nested too deeply'),
  );
  assert.ok(tools.every(({ name }) => /^[A-Za-z0-9_-]{1,64}$/.test(name)));
  // `x.y` and `x_y` are both there.
  assert.equal(new Set(tools.map(({ name }) => name)).size, tools.length);
  assert.equal(tools.filter(({ name }) => name.startsWith('test_x_y')).length, 2);
  const other = tools.find(({ name }) => /^test_x_y_[0-9a-f]{8}$/.test(name));
  assert.ok(other);
  const { signal } = new AbortController();
  const context = { signal, run: 'r', requestId: 'r', callId: 'c' };
  assert.equal(await other.run({}, context), 'called x_y');
});

test('all pages of the list are read, but not for ever', async () => {
  const rig = await start();
  assert.equal(rig.status.tools, 24);
  const endless = await start({ flags: ['--endless-pages'] });
  assert.equal(endless.status.state, 'connected');
});

test('only what is said to be harmless may be called twice', async () => {
  const rig = await start({ settings: { tools: ['echo', 'calls', 'gone'] } });
  assert.equal(rig.tool('echo').sideEffects, false);
  assert.equal(rig.tool('calls').sideEffects, true);
  assert.equal(rig.status.tools, 2);
  const profile = AgentProfile.parse({ name: 'a', model: 'm', mcp_servers: ['test'] });
  assert.deepEqual(rig.servers.toolsFor(profile).problems, ['test: it has no tool gone']);
});

test('a list that has changed is read again', async () => {
  const rig = await start();
  await rig.call('grow');
  await until(() => rig.status.tools === 25);
  assert.equal(await rig.call('grown'), 'called grown');
});

test('what a tool gives is text for the model', async () => {
  const rig = await start();
  assert.equal(
    await rig.call('parts'),
    'first\n[image, 12 kB]\ninside\n[resource_link, file:///b]\n[hologram]\n[unknown]',
  );
  assert.equal(await rig.call('structured'), '{"degrees":21}');
  const failed = await rig.failure('fail');
  assert.match(failed, /^ToolError: e{4000}…$/);
  assert.match(await rig.failure('echo', [1]), /^ToolError: The arguments must be a JSON object/);
});

test('a server is given PATH, HOME and what is named, and nothing else', async () => {
  const rig = await start({
    settings: { env: ['MCP_TEST_DIARY', 'CITY_KEY'] },
    variables: { CITY_KEY: 'k', OTHER_KEY: 'o' },
  });
  const given = JSON.parse(await rig.call('environment')) as Record<string, string>;
  assert.deepEqual(Object.keys(given).toSorted(), ['CITY_KEY', 'MCP_TEST_DIARY', 'PATH']);
});

test('what a server writes on stderr is logged for debugging only, and cut', async () => {
  const rig = await start();
  await until(() => rig.logged.some(({ fields }) => JSON.stringify(fields).includes('ready')));
  for (const { level, fields } of rig.logged) {
    if (level !== 'debug') assert.ok(!JSON.stringify(fields).includes('secret'));
    assert.ok(JSON.stringify(fields).length < 3_000);
  }
});

test('the end of the worker ends a server that stays, and what it has started', async () => {
  const rig = await start({ flags: ['--stays', '--child'] });
  const lines = await until(async () => {
    const diary = await rig.diary();
    return idsIn(diary, 'child').length > 0 && diary;
  });
  const pids = [...idsIn(lines, 'pid'), ...idsIn(lines, 'child')];
  assert.equal(pids.length, 2);
  await rig.servers.close();
  assert.equal(rig.status.state, 'closed');
  for (const pid of pids) assert.equal(await lives(pid), false);
  const diary = await rig.diary();
  assert.ok(diary.includes('input ended') && diary.includes('SIGTERM'), diary.join('\n'));
});

test('the end of the worker waits for a replaced server that is being ended already', async () => {
  const rig = await start({ flags: ['--stays'] });
  const [pid] = await rig.pids();
  assert.ok(pid);
  rig.servers.update([], 0);
  await until(async () => (await rig.diary()).includes('input ended'));
  await rig.servers.close();
  assert.equal(await lives(pid), false);
});

test('a changed file: what is the same stays, what is changed is kept for runs that have it', async () => {
  const rig = await start();
  const { settings } = rig;
  const old = rig.tool('echo');
  const call = (): Promise<string> => {
    const { signal } = new AbortController();
    return old.run({ text: 'kept' }, { signal, run: 'r', requestId: 'r', callId: 'c' });
  };
  rig.servers.update([structuredClone(settings)], 1_000_000);
  assert.equal((await rig.pids()).length, 1);
  rig.servers.update([{ ...settings, tools: ['echo'] }], 1_000_000);
  await rig.servers.tried(10_000);
  assert.equal(rig.status.tools, 1);
  assert.equal(await call(), 'kept');
  assert.equal((await rig.pids()).length, 2);
  // This one may go at once.
  rig.servers.update([], 0);
  assert.deepEqual(rig.servers.status, []);
  const [, second] = await rig.pids();
  assert.ok(second);
  await until(async () => !(await lives(second)));
  assert.equal(await call(), 'kept');
});
