import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';

import { SimulatorClient } from './client.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;

interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  context: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { child: ChildProcessWithoutNullStreams; exit: Promise<Exit> } {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  context.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const exit = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
  return { child, exit };
}

async function listening(child: ChildProcessWithoutNullStreams): Promise<Record<string, unknown>> {
  const [line]: unknown[] = await once(createInterface(child.stdout), 'line');
  const logged: Record<string, unknown> = JSON.parse(String(line));
  return logged;
}

describe('the process', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`says where it listens and leaves with 0 on ${signal}, streams or not`, async (context) => {
      const { child, exit } = start(context, []);
      const { level, msg, port } = await listening(child);
      assert.deepEqual([level, msg, typeof port], ['info', 'listening', 'number']);
      const client = new SimulatorClient(`http://127.0.0.1:${String(port)}`);
      context.after(() => client.close());
      const call = client.chat({ model: 'stall=1', stream: true });
      await call.headers;
      child.kill(signal);
      const { code, stdout, stderr } = await exit;
      assert.deepEqual([code, stdout.trim().split('\n').length, stderr], [0, 1, '']);
      assert.equal((await call.reply).broken, true);
    });
  }

  it('explains the script language', async (context) => {
    const { code, stdout } = await start(context, ['--help']).exit;
    assert.equal(code, 0);
    assert.match(stdout, /error_chunk=N/);
  });

  it('names a bad variable, not its value', async (context) => {
    const { code, stderr } = await start(context, [], { PORT: 'htto' }).exit;
    assert.equal(code, 2);
    assert.match(stderr, /PORT: must be a port/);
    assert.doesNotMatch(stderr, /htto/);
  });

  it('says in a sentence that its port is taken', async (context) => {
    const { child } = start(context, []);
    const { port } = await listening(child);
    const { code, stderr } = await start(context, [], { PORT: String(port) }).exit;
    assert.equal(code, 1);
    assert.equal(stderr, 'HOST and PORT name an address that is in use\n');
  });
});
