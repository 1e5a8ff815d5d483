import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ManagedProcess, findStablePort, isPortFree } from '@switchboard/stack';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** Runs `npm start`'s script; its environment names no model endpoint, whatever this one does. */
async function start(...options: readonly string[]): Promise<ManagedProcess> {
  return await ManagedProcess.spawn({
    name: 'npm start',
    command: process.execPath,
    arguments: [MAIN, ...options],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
  });
}

describe('npm start', () => {
  const started: ManagedProcess[] = [];

  after(() => {
    for (const each of started) each.killGroup();
  });

  async function startReady(...options: readonly string[]): Promise<[ManagedProcess, number]> {
    const port = await findStablePort();
    const launcher = await start('--port', String(port), ...options);
    started.push(launcher);
    await launcher.firstLine(
      (line) => line.includes('Ctrl-C stops it') || undefined,
      START_TIMEOUT_MS,
    );
    return [launcher, port];
  }

  it('answers as soon as it says so, and ends well at Ctrl-C', async () => {
    const [launcher, port] = await startReady('--workers', '2', '--pool-size', '3');
    const screen = launcher.logs().join('\n');
    assert.match(screen, /6 \(2 workers x 3 slots\)/);
    assert.match(screen, /the built-in simulator/);

    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'assistant', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    assert.equal(response.status, 200, await response.text());

    const operatorFile = /^ +NATS +\. (\S+)/m.exec(screen)?.[1] ?? '';
    const secret = /^export NATS_PASSWORD=(.+)$/m.exec(await readFile(operatorFile, 'utf8'))?.[1];
    assert.ok(secret !== undefined && !screen.includes(secret));

    launcher.kill('SIGINT');
    assert.deepEqual(await launcher.exited, { code: 0, signal: null });
    assert.match(launcher.logs().at(-1) ?? '', /^Stopped\.$/);
    assert.equal(await isPortFree(port, '127.0.0.1'), true);
  });

  it('says which worker died, and starts it again', async () => {
    const [launcher] = await startReady('--json-logs');
    const readyPid = (line: string): number | undefined =>
      line.includes('"msg":"ready"') ? (JSON.parse(line) as { pid: number }).pid : undefined;
    const first = await launcher.firstLine(readyPid, START_TIMEOUT_MS);
    process.kill(first, 'SIGKILL');
    const another = (line: string): number | undefined => {
      const pid = readyPid(line);
      return pid === first ? undefined : pid;
    };
    await launcher.firstLine(another, START_TIMEOUT_MS);
    const text = launcher.logs().join('\n');
    assert.match(text, /^worker 1 ended unexpectedly \(SIGKILL\)\. Starting it again in 0\.5 s …/m);
    launcher.kill('SIGINT');
    assert.deepEqual(await launcher.exited, { code: 0, signal: null });
  });

  it('says which other process died, stops the rest and fails', async () => {
    const [launcher, port] = await startReady('--json-logs');
    const listening = launcher.logs().find((line) => line.includes('"name":"gateway"'));
    process.kill(JSON.parse(listening ?? '{}').pid, 'SIGKILL');
    assert.deepEqual(await launcher.exited, { code: 1, signal: null });
    assert.match(launcher.logs().join('\n'), /^gateway 1 ended unexpectedly \(SIGKILL\)/m);
    assert.equal(await isPortFree(port, '127.0.0.1'), true);
  });

  it('says in one sentence that the port is taken', async () => {
    const other = createServer();
    other.listen(await findStablePort(), '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    assert.ok(typeof address === 'object' && address !== null);
    const launcher = await start('--port', String(address.port));
    assert.deepEqual(await launcher.exited, { code: 1, signal: null });
    assert.equal(launcher.logs().length, 1);
    assert.match(launcher.logs()[0] ?? '', /^Port \d+ is taken: choose another, .*--port \d+$/);
    other.close();
  });

  it('explains wrong options, with exit code 2', async () => {
    const launcher = await start('--slots', '3');
    assert.deepEqual(await launcher.exited, { code: 2, signal: null });
    assert.equal(launcher.logs()[0], "Unknown option '--slots'.");
    assert.match(launcher.logs().join('\n'), /--pool-size N/);
  });
});
