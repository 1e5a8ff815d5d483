/** The compiled worker as a process, without NATS. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

function moduleText(name: string, settings = ''): string {
  return `
    import { defineAgent } from '@switchboard/agent';
    export default defineAgent({ name: '${name}', ${settings} async *run() {} });`;
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

test('with modules that cannot be loaded the worker names each, and does not start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agents-process-'));
  writeFileSync(join(folder, 'good.mjs'), moduleText('good'));
  writeFileSync(join(folder, 'assistant.mjs'), moduleText('assistant'));
  const env = { AGENTS_DIR: folder, OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' };
  const named = startWorker(env);
  assert.equal(await exitCode(named.child), 1);
  assert.match(named.output(), /AGENTS_DIR: assistant\.mjs: a profile is called assistant, too/);
  writeFileSync(join(folder, 'broken.mjs'), 'export default {');
  writeFileSync(join(folder, 'empty.mjs'), 'export {};');
  const broken = startWorker(env);
  assert.equal(await exitCode(broken.child), 1);
  assert.match(broken.output(), /AGENTS_DIR: broken\.mjs: cannot be imported: SyntaxError/);
  assert.match(broken.output(), /AGENTS_DIR: empty\.mjs: exports no agent/);
  rmSync(folder, { recursive: true });
});

test('a tool that nobody has, and a run that the drain does not cover, are named for modules too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agents-process-'));
  const settings = "tools: ['nothing'], timeout: 5_000,";
  writeFileSync(join(folder, 'long.mjs'), moduleText('long', settings));
  const env = { AGENTS_DIR: folder, OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' };
  const short = startWorker(env);
  assert.equal(await exitCode(short.child), 1);
  assert.match(short.output(), /DRAIN_TIMEOUT_MS: 620000 is too short: .* agent long /);
  const unknown = startWorker({ ...env, ALLOW_SHORT_DRAIN: 'true' });
  assert.equal(await exitCode(unknown.child), 1);
  assert.match(unknown.output(), /agent long: this worker has no tool nothing/);
  rmSync(folder, { recursive: true });
});

test('a new agents file that the drain does not cover is refused, and the next one is used', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agents-process-'));
  const path = join(folder, 'agents.json');
  const write = (timeout: number): void => {
    writeFileSync(`${path}.new`, JSON.stringify({ agents: [{ name: 'a', model: 'm', timeout }] }));
    renameSync(`${path}.new`, path);
  };
  write(600);
  const { child, output } = startWorker({
    AGENTS_FILE: path,
    NATS_URL: `nats://127.0.0.1:${await freePort()}`,
    OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
  });
  try {
    // It has read the file when it looks for NATS.
    await until(() => output().includes('NATS'), { what: 'the worker to be up' });
    write(700);
    await until(() => output().includes('a file is broken'), { what: 'it to be refused' });
    assert.match(output(), /a run of the agent a may take 700000 ms.* at least 710000/);
    write(500);
    await until(() => output().includes('is in use'), { what: 'the next file to be used' });
  } finally {
    child.kill('SIGTERM');
    await exitCode(child);
    rmSync(folder, { recursive: true });
  }
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

test('a tool that an agent names and nobody has is refused at the start, by both names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unknown-tool-'));
  const file = join(folder, 'agents.yaml');
  const other = { name: 'other', model: 'm', pool: 'other', tools: ['theirs'] };
  const agents = [{ name: 'helper', model: 'm', tools: ['clock', 'fetch', 'clok'] }, other];
  writeFileSync(file, JSON.stringify({ agents }));
  const env = { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', AGENTS_FILE: file };
  const { child, output } = startWorker(env);
  assert.equal(await exitCode(child), 1);
  assert.match(output(), /agent helper: this worker has no tool clok; it has: clock, calculator/);
  // Without FETCH_ALLOW there is no such tool either.
  assert.match(output(), /agent helper: this worker has no tool fetch/);
  // What workers of other pools have, they know.
  assert.doesNotMatch(output(), /theirs/);
  rmSync(folder, { recursive: true });
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
