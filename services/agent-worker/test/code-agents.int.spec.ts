/** Modules in a folder, loaded as a worker does, against a real simulator. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RunEvent } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { startCodeRig } from './code-rig.ts';
import type { CodeRig } from './code-rig.ts';
import { codeOf, collect } from './worker-rig.ts';

const MODULES = fileURLToPath(new URL('fixtures/agents', import.meta.url));
const SDK = fileURLToPath(new URL('../node_modules/openai', import.meta.url));
const REASON = new Error('the caller left');

let rig: CodeRig;
let folder: string;

before(async () => {
  // Outside the repository: whatever the modules import is theirs, or lent to them.
  folder = mkdtempSync(join(tmpdir(), 'agents-int-'));
  cpSync(MODULES, folder, { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(SDK, join(folder, 'node_modules', 'openai'));
  rig = await startCodeRig(folder);
});
after(async () => {
  await rig.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await fetch(`${rig.url}/reset`, { method: 'POST' });
});

const textOf = (events: readonly RunEvent[]): string =>
  events.map((event) => (event.type === 'text.delta' ? event.text : '')).join('');
const usageOf = (events: readonly RunEvent[]) => {
  const used = events.findLast((event) => event.type === 'usage');
  return used?.usage.completion_tokens;
};

/** Aborts the run when the simulator's numbers say so; everything stops. */
async function cancelWhen(
  agent: string,
  script: string,
  when: (stats: Awaited<ReturnType<CodeRig['stats']>>) => boolean,
): Promise<void> {
  const abort = new AbortController();
  const outcome = assert.rejects(collect(rig.run(agent, script, { signal: abort.signal })), REASON);
  await until(async () => when(await rig.stats()), { what: `${agent} to be under way` });
  abort.abort(REASON);
  await outcome;
  const stopped = async () => (await rig.stats()).running === 0;
  await until(stopped, { what: 'the provider to see the socket close' });
}

for (const agent of ['streams', 'completes', 'sdk', 'sdk-whole']) {
  test(`a cancel of the agent ${agent} closes the socket of its model`, async () => {
    await cancelWhen(agent, 'think=60s', ({ running }) => running === 1);
    assert.equal((await rig.stats()).aborted, 1);
  });

  test(`what the model of the agent ${agent} refuses is the run's failure`, async () => {
    assert.equal(await codeOf(rig.run(agent, 'error=400')), 'provider_rejected');
    assert.equal((await rig.stats()).started, 1, 'no SDK tries again what has been tried');
  });

  test(`the agent ${agent} gives its model's answer, and its tokens are counted`, async () => {
    const events = await collect(rig.run(agent, 'tokens=3,text=echo'));
    assert.equal(textOf(events), 'hello hello hello');
    assert.equal(usageOf(events), 3);
    assert.equal(events.at(-1)?.type, 'completed');
  });
}

test('a cancel in mid-stream under the SDK closes the socket', async () => {
  await cancelWhen('sdk', 'tokens=1000,pace=20ms', ({ tokens }) => tokens >= 3);
});

test('a stream that breaks off under the SDK is the run’s failure, and its tokens are counted', async () => {
  const events: RunEvent[] = [];
  await assert.rejects(
    async () => {
      for await (const event of rig.run('sdk', 'tokens=50,cut=4')) events.push(event);
    },
    { code: 'provider_stream_cut' },
  );
  assert.equal(usageOf(events), 4, JSON.stringify(events));
});

test('retries are the worker’s: the SDK sees one answer, or one failure', async () => {
  assert.equal(await codeOf(rig.run('sdk', 'error=503')), 'provider_error');
  assert.equal((await rig.stats()).started, 2);
  await fetch(`${rig.url}/reset`, { method: 'POST' });
  const events = await collect(rig.run('sdk', 'error=503,times=1,text=echo'));
  assert.equal(textOf(events), 'hello');
  assert.equal((await rig.stats()).started, 2);
});

test('a model that is silent fails its call, by the agent’s own limit', async () => {
  assert.equal(await codeOf(rig.run('impatient', 'hang=1')), 'first_token_timeout');
});

test('a loop over tools: of a module, built in, and in a thread, each call an event', async () => {
  const events = await collect(rig.run('tools', 'tool=shout,args={"text":"hi"},text=echo'));
  const shown = events.flatMap((event) => {
    if (event.type === 'tool.started') return [`${event.name} ${event.arguments}`];
    return event.type === 'tool.result' ? [event.output] : [];
  });
  assert.equal(shown[0], 'shout {"text":"hi"}');
  assert.equal(shown[1], 'HI');
  assert.equal(shown[2], 'sum {"upTo":10}');
  assert.equal(shown[3], '55');
  assert.match(shown[5] ?? '', /"utc"/);
});

test('arguments that the schema refuses are told to the model, in a thread as well', async () => {
  const events = await collect(rig.run('tools', 'tool=shout,args={"text":7},text=echo'));
  const failed = events.find((event) => event.type === 'tool.result');
  assert.ok(failed?.failed);
  assert.match(failed.output, /^Wrong arguments: text: /);
  const isolated = await collect(rig.run('wrong-sum', 'tokens=1'));
  assert.match(textOf(isolated), /^Wrong arguments: upTo: /);
});

test('a tool that computes for ever is ended with its run, thread and all', async () => {
  const abort = new AbortController();
  const run = rig.run('endless-sum', 'tokens=1', { signal: abort.signal });
  const first = await run.next();
  assert.equal(first.value?.type, 'tool.started');
  const next = assert.rejects(run.next(), REASON);
  abort.abort(REASON);
  await next;
});

test('a profile of the agents’ file has the tools of modules, too', async () => {
  const body = 'tool=shout,args={"text":"hi"},text=echo';
  const events = await collect(rig.run('sim/*', body));
  const result = events.find((event) => event.type === 'tool.result');
  assert.equal(result?.output, 'HI');
});
