/** The official openai Python SDK, as it is, against two gateways; the tests are in `python/`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { pythonEnvironment } from '@switchboard/external';
import { ManagedProcess, childEnvironment } from '@switchboard/stack';
import { leakGuard } from '@switchboard/testkit';

import { TestStack } from '../test-stack.ts';

interface PythonResult {
  readonly name: string;
  readonly problem: string | null;
  readonly seconds: number;
}

const MAIN = fileURLToPath(new URL('../python/main.py', import.meta.url));
const PAGE = fileURLToPath(new URL('../../../docs/migrating.md', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('../python/requirements.txt', import.meta.url));
const INSTALL_TIMEOUT_MS = 180_000;
const TIMEOUT_MS = 90_000;
/** A traceback is one line. */
const LINE_LENGTH_MAX = 256 * 1024;

/** Runs the tests in Python; what they print beside their results is in `lines`. */
async function runPython(python: string, addresses: readonly string[]) {
  const child = await ManagedProcess.spawn({
    name: 'python',
    command: python,
    arguments: [MAIN, ...addresses, PAGE],
    env: childEnvironment({ PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', NO_PROXY: '*' }),
    lineLengthMax: LINE_LENGTH_MAX,
  });
  const timer = setTimeout(() => child.killGroup(), TIMEOUT_MS);
  const exit = await child.exited;
  clearTimeout(timer);
  const [results, lines] = [[] as PythonResult[], [] as string[]];
  for (const line of child.logs()) {
    if (line.startsWith('{"name": ')) results.push(JSON.parse(line) as PythonResult);
    else lines.push(line);
  }
  return { exit, results, lines };
}

const sdk = await pythonEnvironment({
  name: 'openai',
  requirements: REQUIREMENTS,
  timeoutMs: INSTALL_TIMEOUT_MS,
});
if ('missing' in sdk) {
  process.stdout.write(`not run: python (${sdk.missing})\n`);
} else {
  test('the Python SDK at two gateways', async (context) => {
    const stack = await TestStack.start({ gateways: 2 });
    try {
      const gateways = stack.stack.gateways.map(({ url }) => url);
      const addresses = [...gateways, stack.stack.simulator?.url ?? ''];
      const { exit, lines, results } = await runPython(sdk.python, addresses);
      for (const { name, problem, seconds } of results) {
        await context.test(name, (one) => {
          one.diagnostic(`${seconds.toFixed(1)} s`);
          if (problem !== null) assert.fail(problem);
        });
      }
      assert.deepEqual(exit, { code: 0, signal: null }, lines.join('\n'));
      assert.ok(results.length > 0);
    } finally {
      await stack.stop();
    }
  });
  leakGuard();
}
