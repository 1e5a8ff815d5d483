/** What a replay is for: the answer reaches whoever asked for it, under the id they have. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { encodeEvents, runClaim, runLog } from '@switchboard/contract';
import { childEnvironment, startStack } from '@switchboard/stack';
import type { Stack } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';
import { NatsLink } from '@switchboard/transport';

const SCRIPT = fileURLToPath(new URL('../main.ts', import.meta.url));
const WINDOW_MS = 500;
const PATIENCE_MS = 30_000;
const log = { debug() {}, info() {}, warn() {}, error() {} };

interface Answered {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string } | null;
  readonly output: readonly object[];
}

let stack: Stack;
let link: NatsLink;

before(async () => {
  stack = await startStack({
    workers: 0,
    gateways: 2,
    gatewayEnv: { RESUME_WINDOW_MS: String(WINDOW_MS) },
  });
  const { user, password: pass } = stack.nats.access?.operator ?? {};
  link = NatsLink.open({ servers: stack.nats.url, user, pass, name: 'test', log });
  await until(() => link.connected, { what: 'a connection' });
});
after(async () => {
  await link.close();
  await stack.stop();
});

async function call(method: string, path: string, body?: object, gateway = 0): Promise<Response> {
  const url = stack.gateways[gateway]?.url ?? stack.url;
  return await fetch(`${url}/v1/responses${path}`, {
    method,
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
}

async function read(id: string, gateway = 0): Promise<Answered> {
  const response = await call('GET', `/${id}`, undefined, gateway);
  assert.equal(response.status, 200);
  return (await response.json()) as Answered;
}

async function ended(id: string, status: string): Promise<Answered> {
  const over = async () => {
    const response = await read(id, 1);
    return response.status === status && response;
  };
  return await until(over, { what: status, timeoutMs: PATIENCE_MS, intervalMs: 50 });
}

/** The next worker that takes the run believes that three before it were lost on it. */
async function loseThreeTimes(run: string): Promise<void> {
  const { connection } = link;
  const started = { type: 'started', worker: 'lost' } as const;
  for (let a = 1; a <= 3; a += 1) {
    await connection.request(runClaim(run), encodeEvents({ a, n: 1, l: a, e: [started] }));
  }
  // Handed back, so that nobody has to wait until the last claim has run out.
  const back = encodeEvents({ a: 3, n: 2, l: 3, e: [], back: true });
  await connection.request(runLog(run, 3), back);
}

async function letters(...args: readonly string[]): Promise<Record<string, readonly object[]>> {
  const all = [SCRIPT, ...args, '--json', '--nats', stack.nats.url];
  const env = childEnvironment(stack.nats.access?.environment('operator'));
  const options = { env, timeout: PATIENCE_MS };
  const { stdout } = await promisify(execFile)(process.execPath, all, options);
  return JSON.parse(stdout) as Record<string, readonly object[]>;
}

describe('the replay of a request that was given up', () => {
  it('answers under the id of the stored response, at every gateway, also as a stream', async () => {
    await until(async () => (await fetch(`${stack.url}/readyz`)).ok, { timeoutMs: PATIENCE_MS });
    const body = { model: 'sim/tokens=3', input: 'Hello', background: true };
    const { id } = (await (await call('POST', '', body)).json()) as Answered;
    await loseThreeTimes(id.slice('resp_'.length));
    await stack.addWorker();
    const failed = await ended(id, 'failed');
    assert.equal(failed.error?.code, 'too_many_attempts');

    const { replayed } = await letters('replay', '--all');
    assert.equal(replayed?.length, 1);
    const done = await ended(id, 'completed');
    assert.deepEqual([done.id, done.error], [id, null]);
    assert.match(JSON.stringify(done.output), /Lorem ipsum dolor/);
    for (const gateway of [0, 1]) {
      const path = `/${id}?stream=true&starting_after=1`;
      const events = await (await call('GET', path, undefined, gateway)).text();
      assert.match(events, /event: response\.completed\n/);
      assert.doesNotMatch(events, /response\.failed/);
      assert.deepEqual(await read(id, gateway), done);
    }
    assert.deepEqual(await letters('list'), { letters: [] });
    assert.equal((await call('DELETE', `/${id}`)).status, 200);
    assert.equal((await call('GET', `/${id}`)).status, 404);
  });
});

leakGuard();
