import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { leakGuard, leaked } from './leak-guard.ts';

/** Runs a test file that ends with a leak guard, and gives its exit code and report. */
async function runFile(body: string): Promise<{ code: unknown; report: string }> {
  const url = JSON.stringify(new URL('./leak-guard.ts', import.meta.url).href);
  const program = `
    import { test, after } from 'node:test';
    import { createServer } from 'node:net';
    import { leakGuard } from ${url};
    ${body}
    leakGuard({ timeoutMs: 200 });
  `;
  const env = { ...process.env };
  // Else the inner file takes itself for a part of this run and reports in its format.
  delete env['NODE_TEST_CONTEXT'];
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  let report = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      report += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, report };
}

test('a file that closes what it opened passes', async () => {
  const { code, report } = await runFile(`
    const server = createServer();
    test('opens', (t, done) => { server.listen(0, '127.0.0.1', done); });
    after(() => { server.close(); });
  `);
  assert.equal(code, 0, report);
});

test('a file that leaves a server or a timer open fails, by name, and still ends', async () => {
  const { code, report } = await runFile(`
    test('opens', (t, done) => { createServer().listen(0, '127.0.0.1', done); });
    test('ticks', () => { setInterval(() => {}, 1000); });
  `);
  assert.equal(code, 1, report);
  assert.match(report, /still open after the last test: .*TCPServerWrap \(1\)/);
  assert.match(report, /Timeout \(1\)/);
});

test('only what is more than before counts as a leak', () => {
  const before = new Map([['PipeWrap', 2]]);
  const now = new Map([
    ['PipeWrap', 2],
    ['Timeout', 1],
    ['TCPSocketWrap', 3],
  ]);
  assert.deepEqual(leaked(before, now), ['TCPSocketWrap (3)']);
});

leakGuard();
