import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const AUDIT = '--silent run test:audit';
const CI_RUN = fileURLToPath(new URL('../../../.ci/run', import.meta.url));

describe('.ci/run', () => {
  let root = '';

  before(async () => {
    root = await fs.mkdtemp(join(tmpdir(), 'switchboard-ci-'));
    for (const folder of ['.ci', 'bin', 'tools']) await fs.mkdir(join(root, folder));
    await fs.copyFile(CI_RUN, join(root, '.ci', 'run'));
    await fs.writeFile(join(root, 'tools', 'bootstrap.mjs'), '');
  });

  after(async () => {
    await fs.rm(root, { recursive: true });
  });

  /** With an npm whose scripts do this: a line of shell for each name. */
  async function run(scripts: Record<string, string>, ...parts: readonly string[]) {
    const all = { [AUDIT]: 'exit 3', ...scripts };
    const cases = Object.entries(all).map(([name, line]) => `'${name}') ${line};;`);
    const npm = ['#!/bin/sh', 'case "$*" in', ...cases, '*) exit 99;; esac', ''].join('\n');
    await fs.writeFile(join(root, 'bin', 'npm'), npm, { mode: 0o755 });
    const { status, stdout } = spawnSync(join(root, '.ci', 'run'), parts, {
      env: { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}` },
      encoding: 'utf8',
    });
    const lines = stdout.trim().split('\n');
    const notRun = lines.find((line) => line.startsWith('not run:'));
    return [status, lines.at(-1), ...(notRun === undefined ? [] : [notRun])];
  }
  const TEST = '--silent run test';
  const DRILL = '--silent run test:drill';
  const EXAMPLES = '--silent run test:examples';
  const PREPARE_REAL = '--silent run prepare:real';
  const REAL = '--silent run test:real';
  const GOOD = {
    [TEST]: 'echo "7 passed, 0 failed"',
    [DRILL]: 'echo "4 passed, 0 failed"',
    [EXAMPLES]: 'echo "2 passed, 0 failed"',
    [PREPARE_REAL]: 'exit 0',
    [REAL]: 'echo "1 passed, 0 failed"',
  };

  it('adds up what its suites have counted', async () => {
    assert.deepEqual(await run(GOOD), [0, '14 passed, 0 failed']);
  });

  it('counts an audit that could be made, and no other', async () => {
    assert.deepEqual(await run({ ...GOOD, [AUDIT]: 'exit 0' }), [0, '15 passed, 0 failed']);
    assert.deepEqual(await run({ ...GOOD, [AUDIT]: 'exit 1' }), [1, '14 passed, 1 failed']);
  });

  it('says that the real model was not run where it cannot be had, and fails nothing', async () => {
    const scripts = { ...GOOD, [PREPARE_REAL]: 'echo no compiler; exit 3' };
    assert.deepEqual(await run(scripts), [0, '13 passed, 0 failed', 'not run: test:real']);
  });

  it('goes on after a suite that failed, and fails', async () => {
    const scripts = { ...GOOD, [TEST]: 'echo "6 passed, 1 failed"; exit 1' };
    assert.deepEqual(await run(scripts), [1, '13 passed, 1 failed']);
  });

  it('counts a suite that ends without a summary, or badly after a good one, as failed', async () => {
    const bad = { [TEST]: 'echo "7 passed, 0 failed"; exit 3', [DRILL]: 'echo oops' };
    assert.deepEqual(await run({ ...GOOD, ...bad }), [1, '10 passed, 2 failed']);
  });

  it('gives the parts that it is given to npm test alone', async () => {
    const scripts = { '--silent test -- lint unit': 'echo "2 passed, 0 failed"' };
    assert.deepEqual(await run(scripts, 'lint', 'unit'), [0, '2 passed, 0 failed']);
  });
});
