/** The gateway as a process, with NATS away. What needs NATS is tested over the whole stack. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, it } from 'node:test';
import { ErrorSchema } from '../src/docs/answer-schemas.ts';
import { CHAT } from './harness.ts';

interface Line {
  readonly msg: string;
  readonly port?: number;
  readonly level: string;
}

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(env: Record<string, string>) {
  // Nothing listens on port 1.
  const all = { NATS_URL: 'nats://127.0.0.1:1', PORT: '0', ...env };
  const child = spawn(process.execPath, [MAIN], { env: all, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines: Line[] = [];
  const waiting = new Map<string, (line: Line) => void>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    waiting.get(line.msg)?.(line);
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const listening = new Promise<number>((resolve, reject) => {
    waiting.set('listening', (line) => resolve(line.port ?? 0));
    void exited.then((code) => reject(new Error(`exited with ${code}`)));
  });
  // Not every test waits for it.
  listening.catch(() => undefined);
  return { child, lines, exited, listening };
}

describe('the gateway process', () => {
  it('starts without NATS, says so, and ends with 0 on SIGTERM', async () => {
    const { child, exited, listening, lines } = start({});
    const url = `http://127.0.0.1:${await listening}`;
    assert.equal((await fetch(`${url}/livez`)).status, 200);
    assert.equal((await fetch(`${url}/readyz`)).status, 503);
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(CHAT),
    });
    assert.equal(response.status, 503);
    assert.ok(Number(response.headers.get('retry-after')) >= 1);
    assert.equal(response.headers.get('x-should-retry'), 'true');
    assert.equal(ErrorSchema.parse(await response.json()).error.code, 'queue_unavailable');
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
    assert.equal(lines.filter(({ msg }) => msg === 'listening').length, 1);
  });

  it('ends with 1 and every problem of its configuration', async () => {
    const { exited, lines } = start({ PORT: 'x', STATUS_HOLD_MS: '-1' });
    assert.equal(await exited, 1);
    assert.equal(lines.length, 1);
    assert.match(lines[0]?.msg ?? '', /PORT: must be[^]*STATUS_HOLD_MS: must be/);
  });

  it('ends with 1 and one clear sentence when its port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const { exited, lines } = start({ PORT: String(address.port) });
    assert.equal(await exited, 1);
    assert.match(lines.at(-1)?.msg ?? '', /the port is taken/);
    server.close();
  });

  it('does not start where others can reach it while no keys are checked', async () => {
    const { lines, exited } = start({ HOST: '0.0.0.0' });
    assert.equal(await exited, 1);
    assert.ok(lines.some((line) => JSON.stringify(line).includes('KEYS_FILE')));
  });
});
