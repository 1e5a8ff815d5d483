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
    return [status, stdout.trim().split('\n').at(-1)];
  }
  const TEST = '--silent run test';
  const DRILL = '--silent run test:drill';
  const GOOD = { [TEST]: 'echo "7 passed, 0 failed"', [DRILL]: 'echo "4 passed, 0 failed"' };

  it('adds up what its suites have counted', async () => {
    assert.deepEqual(await run(GOOD), [0, '11 passed, 0 failed']);
  });

  it('counts an audit that could be made, and no other', async () => {
    assert.deepEqual(await run({ ...GOOD, [AUDIT]: 'exit 0' }), [0, '12 passed, 0 failed']);
    assert.deepEqual(await run({ ...GOOD, [AUDIT]: 'exit 1' }), [1, '11 passed, 1 failed']);
  });

  it('goes on after a suite that failed, and fails', async () => {
    const scripts = {
      [TEST]: 'echo "6 passed, 1 failed"; exit 1',
      [DRILL]: 'echo "4 passed, 0 failed"',
    };
    assert.deepEqual(await run(scripts), [1, '10 passed, 1 failed']);
  });

  it('counts a suite that ends without a summary, or badly after a good one, as failed', async () => {
    const scripts = { [TEST]: 'echo "7 passed, 0 failed"; exit 3', [DRILL]: 'echo oops' };
    assert.deepEqual(await run(scripts), [1, '7 passed, 2 failed']);
  });

  it('gives the parts that it is given to npm test alone', async () => {
    const scripts = { '--silent test -- lint unit': 'echo "2 passed, 0 failed"' };
    assert.deepEqual(await run(scripts, 'lint', 'unit'), [0, '2 passed, 0 failed']);
  });
});
