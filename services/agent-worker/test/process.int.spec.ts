/** The compiled worker as a process, without NATS. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '@switchboard/testkit';
import { portOf } from './worker-rig.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

function startWorker(env: Record<string, string>): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  child.stderr.on('data', (data: Buffer) => (text += data.toString()));
  return { child, output: () => text };
}

async function exitCode(child: ChildProcess): Promise<unknown> {
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('without a model endpoint the worker says what to set and does not start', async () => {
  const { child, output } = startWorker({ POOL_SIZE: 'many' });
  assert.equal(await exitCode(child), 1);
  assert.match(output(), /OPENAI_BASE_URL and OPENAI_API_KEY: set the first to the address/);
  assert.match(output(), /POOL_SIZE: must be an integer/);
  assert.equal(output().includes('many'), false);
});

test('with NATS away the worker lives, is not ready, and ends with 0', async () => {
  const [natsPort, healthPort] = [await freePort(), await freePort()];
  const { child, output } = startWorker({
    NATS_URL: `nats://127.0.0.1:${natsPort}`,
    HEALTH_PORT: String(healthPort),
    OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
  });
  try {
    const status = async (path: string): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${healthPort}${path}`).catch(() => undefined);
      return answer?.status ?? 0;
    };
    await until(async () => (await status('/livez')) === 200, { what: 'the worker to live' });
    assert.equal(await status('/readyz'), 503);
    assert.equal(output().includes('"msg":"ready"'), false);
  } finally {
    child.kill('SIGTERM');
  }
  assert.equal(await exitCode(child), 0, output());
  assert.match(output(), /"msg":"shut down"/);
});

test('a drain that is shorter than the longest run is refused, and warned of where it is allowed', async () => {
  const env = {
    NATS_URL: `nats://127.0.0.1:${await freePort()}`,
    OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
    DRAIN_TIMEOUT_MS: '30000',
  };
  const refused = startWorker(env);
  assert.equal(await exitCode(refused.child), 1);
  assert.match(refused.output(), /DRAIN_TIMEOUT_MS: 30000 is too short: .*at least 610000/);
  const { child, output } = startWorker({ ...env, ALLOW_SHORT_DRAIN: 'true' });
  try {
    await until(() => output().includes('DRAIN_TIMEOUT_MS is shorter'), { what: 'the warning' });
  } finally {
    child.kill('SIGKILL');
  }
  await exitCode(child);
});

test('a file of agents whose provider lacks its key is refused by name, and one with all keys needs no other', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-worker-'));
  context.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'agents.yaml');
  const cloud = { name: 'cloud', base_url: 'https://cloud.example/v1', api_key_env: 'CLOUD_KEY' };
  const agents = [{ name: 'a', model: 'm', provider: 'cloud' }];
  await writeFile(path, JSON.stringify({ agents, providers: [cloud] }));
  const env = { NATS_URL: `nats://127.0.0.1:${await freePort()}`, AGENTS_FILE: path };
  const refused = startWorker(env);
  assert.equal(await exitCode(refused.child), 1);
  assert.match(refused.output(), /CLOUD_KEY: must be set: it is the key of the provider cloud/);
  const { child, output } = startWorker({ ...env, CLOUD_KEY: 'hidden-key', LOG_LEVEL: 'debug' });
  try {
    await until(() => output().includes('NATS'), { what: 'the worker to look for NATS' });
  } finally {
    child.kill('SIGTERM');
  }
  assert.equal(await exitCode(child), 0, output());
  assert.equal(output().includes('hidden-key'), false);
});
