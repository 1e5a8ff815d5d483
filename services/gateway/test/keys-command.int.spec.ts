import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';

const MAIN = join(import.meta.dirname, '../dist/keys-command/main.js');
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-command-'));
});
after(async () => await rm(folder, { recursive: true }));

function run(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

it('the built command makes a key in the file that it is told, that KEYS_FILE says, or keys.json', async () => {
  const named = [
    { argv: ['--file', 'told.json'], env: { KEYS_FILE: 'env.json' }, file: 'told.json' },
    { argv: [], env: { KEYS_FILE: 'env.json' }, file: 'env.json' },
    { argv: [], env: {}, file: 'keys.json' },
  ];
  for (const { argv, env, file } of named) {
    const { status, stdout, stderr } = run(['add', 'alice', '--quiet', ...argv], env);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^sk-sb-[\w-]{43}\n$/);
    assert.match(await readFile(join(folder, file), 'utf8'), /"name": "alice"/);
  }
});

it('its exit code says whose fault it was', () => {
  const help = run(['--help']);
  assert.equal(help.status, 0);
  assert.match(help.stdout, /^Usage: npm run keys/);
  const usage = run(['make']);
  assert.equal(usage.status, 2);
  assert.match(usage.stderr, /^The command must be one of[^]*Usage:/);
  const missing = run(['disable', 'nobody', '--file', 'none.json']);
  assert.deepEqual([missing.status, missing.stdout], [1, '']);
  assert.equal(missing.stderr, 'There is no file none.json: `add NAME` makes it.\n');
});
