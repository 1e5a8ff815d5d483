import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { PARTS } from '../parts.ts';
import type { Part } from '../parts.ts';
import { runFile } from '../run-file.ts';

const FOLDER = fileURLToPath(new URL('../', import.meta.url));

describe('running one test file', () => {
  let scratch = '';
  const said: string[] = [];

  before(async () => {
    scratch = await fs.mkdtemp(join(tmpdir(), 'switchboard-test-'));
  });

  after(async () => {
    await fs.rm(scratch, { recursive: true });
  });

  /** Each result as `outcome name: first line of the error`. */
  async function run(fixture: string, changes: Partial<Part> = {}): Promise<readonly string[]> {
    const part = PARTS.find((candidate) => candidate.name === 'unit');
    assert.ok(part !== undefined);
    const context = {
      root: FOLDER,
      logDirectory: scratch,
      say: (line: string) => said.push(line),
      signal: new AbortController().signal,
    };
    const log = join(scratch, 'log');
    const results = await runFile(`fixtures/${fixture}.ts`, { ...part, ...changes }, log, context);
    return results.map(({ outcome, name, error = '' }) =>
      `${outcome} ${name}: ${error.split('\n')[0]}`.replace(/: $/, ''),
    );
  }

  it('counts each test once, also when tests print half lines', async () => {
    assert.deepEqual(await run('passes'), ['passed passes', 'passed passes too']);
    assert.match(await fs.readFile(join(scratch, 'log'), 'utf8'), /half a line/);
  });

  it('tells failures, skipped tests and broken hooks apart', async () => {
    const [first, second, ...rest] = await run('fails');
    assert.equal(first, 'passed passes');
    assert.match(second ?? '', /^failed fails: AssertionError/);
    assert.deepEqual(rest, [
      'skipped is left out',
      'failed never runs: test did not finish before its parent and was cancelled',
      'failed a suite whose hook fails: Error: the hook broke',
    ]);
  });

  it('fails a file without tests, which would otherwise pass unseen', async () => {
    assert.deepEqual(await run('empty'), ['failed the file as a whole: It has no tests.']);
  });

  it('says what a file has not run, and counts it as skipped', async () => {
    const line = 'not run: python (there is no python3 on PATH)';
    assert.deepEqual(await run('not-run'), [`skipped ${line}`]);
    assert.deepEqual(said, [line]);
  });

  it('fails a file that breaks while it is loaded', async () => {
    const results = await run('crashes');
    assert.match(
      results.at(-1) ?? '',
      /^failed the file as a whole: It ended with exit code \d+\./,
    );
  });

  it('fails a file that leaves something open, instead of waiting for ever', async () => {
    const [first, second] = await run('stays-open', { closeTimeoutMs: 200 });
    assert.equal(first, 'passed passes');
    assert.match(second ?? '', /^failed the file as a whole: The tests are over but the process/);
  });

  it('fails a test that does not end in time, by its name', async () => {
    const results = await run('hangs', { testTimeoutMs: 200 });
    assert.deepEqual(results, ['failed never ends: test timed out after 200ms']);
  });

  it('kills a file that takes too long as a whole', async () => {
    const results = await run('stays-open', { timeoutMs: 1_000 });
    assert.match(results.at(-1) ?? '', /^failed the file as a whole: It was killed/);
  });
});
