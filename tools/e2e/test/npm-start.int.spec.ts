/** `npm start` as a stranger types it, with npm and a terminal's Ctrl-C. */
import assert from 'node:assert/strict';
import { delimiter } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { findStablePort, ManagedProcess } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { PATIENCE_MS } from '../test-stack.ts';
import { descendantsOf, isAlive } from '../process-tree.ts';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../', import.meta.url));
/** Other tests may have the machine at the same time. */
const START_TIMEOUT_MS = 90_000;

/** A shell's environment, without what this run of the tests has put into it. */
function strangersEnvironment(): NodeJS.ProcessEnv {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const path = folders.filter((folder) => !folder.endsWith('node_modules/.bin'));
  return { PATH: path.join(delimiter), HOME: process.env['HOME'], LANG: 'C.UTF-8' };
}

async function run(
  command: string,
  parameters: readonly string[],
  cwd: string,
): Promise<ManagedProcess> {
  const env = strangersEnvironment();
  return await ManagedProcess.spawn({ name: command, command, arguments: parameters, env, cwd });
}

async function npmStart(...options: readonly string[]): Promise<ManagedProcess> {
  return await run('npm', ['start', '--', ...options], REPOSITORY);
}

/** What npm and the bootstrap print before the program's own lines. */
const BEFORE = /^$|^> |^npm (warn|notice)|^(Installing|Building|Waiting for another command) /;

function ownLines(launcher: ManagedProcess): readonly string[] {
  return launcher.logs().filter((line) => !BEFORE.test(line));
}

describe('npm start', () => {
  let launcher: ManagedProcess;
  let port = 0;
  let screen = '';

  before(async () => {
    port = await findStablePort();
    launcher = await npmStart('--port', String(port));
    const ready = (line: string) => line.includes('Ctrl-C stops it') || undefined;
    await launcher.firstLine(ready, START_TIMEOUT_MS);
    screen = launcher.logs().join('\n');
  });
  after(() => launcher.killGroup());

  it('says where it is, how many run at once, and that the model is simulated', () => {
    assert.match(screen, new RegExp(`ready: http://127\\.0\\.0\\.1:${port}/v1`));
    assert.match(screen, /10 \(1 worker x 10 slots\)/);
    assert.match(screen, /the built-in simulator/);
  });

  it('prints a curl line that works as it stands', async () => {
    const line = /^ {2}curl [^]*?'\n {4}-d|^ {2}curl [^]*?\n\n/m.exec(screen)?.[0] ?? '';
    const curl = await run('/bin/sh', ['-c', line], REPOSITORY);
    assert.deepEqual(await curl.exited, { code: 0, signal: null });
    const output = curl.logs().join('\n');
    assert.match(output, /^data: \{"id":"chatcmpl-/m);
    assert.match(output, /^data: \[DONE\]$/m);
  });

  it('prints a snippet for the SDK that works as it stands', async () => {
    const [, snippet = ''] = /\n( {2}import OpenAI[^]*?)\n\n/.exec(screen) ?? [];
    const node = await run(
      process.execPath,
      ['--input-type=module', '--eval', snippet.replaceAll(/^ {2}/gm, '')],
      PACKAGE,
    );
    assert.deepEqual(await node.exited, { code: 0, signal: null });
    assert.match(node.logs().join(' '), /simulator/);
  });

  it('has its API reference where it says', async () => {
    const url = /API reference +(\S+)/.exec(screen)?.[1] ?? '';
    assert.equal((await fetch(url)).status, 200);
  });

  it('says that a taken port is taken, in one sentence, and fails', async () => {
    const second = await npmStart('--port', String(port));
    assert.deepEqual(await second.exited, { code: 1, signal: null });
    assert.deepEqual(ownLines(second), [
      `Port ${port} is taken: choose another, for example npm start -- --port ${port + 1}`,
    ]);
  });

  it('finishes an open stream at Ctrl-C, exits with 0 and leaves no process behind', async () => {
    const processes = await descendantsOf(launcher.pid);
    assert.ok(processes.length >= 5, 'launcher, nats-server, simulator, worker, gateway');
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'assistant',
        stream: true,
        messages: [{ role: 'user', content: 'Hello' }],
      }),
    });
    // A terminal tells the whole group: npm, the shell it uses, and the launcher.
    process.kill(-launcher.pid, 'SIGINT');
    assert.match(await response.text(), /data: \[DONE\]\n\n$/);
    assert.deepEqual(await launcher.exited, { code: 0, signal: null });
    assert.equal(launcher.logs().at(-1), 'Stopped.');
    const gone = () => processes.every((pid) => !isAlive(pid));
    await until(gone, { what: 'every process to be gone', timeoutMs: PATIENCE_MS });
  });
});

describe('npm start with options', { concurrency: true }, () => {
  it('--help explains them and starts nothing', async () => {
    const help = await npmStart('--help');
    assert.deepEqual(await help.exited, { code: 0, signal: null });
    const text = help.logs().join('\n');
    for (const option of ['--workers', '--pool-size', '--port', '--json-logs']) {
      assert.ok(text.includes(option), option);
    }
  });

  it('names an unknown one and explains the others', async () => {
    const wrong = await npmStart('--slots', '3');
    assert.deepEqual(await wrong.exited, { code: 2, signal: null });
    assert.equal(ownLines(wrong)[0], "Unknown option '--slots'.");
    assert.match(wrong.logs().join('\n'), /--pool-size N/);
  });
});

leakGuard();
