import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../main.ts', import.meta.url));
const DEADLINE_MS = 60_000;

function startDemo(...argv: readonly string[]) {
  const child = spawn(process.execPath, [SCRIPT, ...argv], { timeout: DEADLINE_MS });
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text));
  return { child, output, closed: once(child, 'close') };
}

/** Everything that descends from a process, by its parents. */
function descendants(root: number): readonly number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const rows = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [root];
  for (const parent of found) {
    found.push(...rows.filter((row) => row[1] === parent).map((row) => row[0] ?? NaN));
  }
  return found.slice(1);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process.
    return false;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs, `never: ${what}`);
    await delay(20);
  }
}

describe('npm run demo', () => {
  it('ends with exactly one JSON object on stdout, and shows progress on stderr', async () => {
    const { closed, output } = startDemo(
      '--users',
      '4',
      '--think',
      '0.5',
      '--pool-size',
      '2',
      '--json',
    );
    await closed;
    const lines = output.out.trimEnd().split('\n');
    assert.equal(lines.length, 1, output.err);
    const { afterSeconds, beforeSeconds, ...exact } = JSON.parse(lines[0] ?? '');
    assert.deepEqual(exact, {
      users: 4,
      slots: 2,
      thinkSeconds: 0.5,
      idealSeconds: 1,
      maxRunning: 2,
    });
    // The bounded pool was as fast as two rounds allow; how much slower is the demo's own verdict.
    assert.ok(afterSeconds >= 1 && beforeSeconds >= 2);
    assert.match(output.err, /This takes about 3 s/);
    assert.match(output.err, /user 4 has the answer/);
  });

  it('leaves no process behind after Ctrl-C', async () => {
    const { child, closed, output } = startDemo('--users', '2', '--think', '60', '--no-before');
    await until(() => output.out.includes('with the model'), `a running chat: ${output.err}`);
    const started = descendants(child.pid ?? NaN);
    assert.ok(started.length >= 4, 'nats-server, simulator, gateway and worker');
    child.kill('SIGINT');
    const [code] = await closed;
    assert.equal(code, 130);
    await until(() => !started.some(alive), 'the end of every process');
  });

  it('refuses wrong usage with a sentence and exit code 2', async () => {
    const { closed, output } = startDemo('--users', 'many');
    const [code] = await closed;
    assert.equal(code, 2);
    assert.match(output.err, /^--users must be a whole number from 1 to 1000\.\n\nUsage: /);
    assert.equal(output.out, '');
  });
});
