import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { readKeyFile } from '../accounts/key-file.ts';
import { readCommandLine } from './command-line.ts';
import { KeyStore, KeyStoreError } from './key-store.ts';
import { runKeys } from './run-keys.ts';
import type { Result } from './run-keys.ts';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  path = join(folder, 'keys.json');
});
afterEach(async () => await rm(folder, { recursive: true }));

async function run(line: string, nowMs = NOW_MS): Promise<Result> {
  const read = readCommandLine(line.split(' '));
  assert.ok(read !== 'help');
  return await runKeys(new KeyStore({ path }), read.command, nowMs);
}

async function entries() {
  const read = readKeyFile(await readFile(path, 'utf8'));
  assert.ok('entries' in read);
  return read.entries;
}

it('a new key is shown once, and the file has its hash alone', async () => {
  const { stdout, stderr } = await run('add alice');
  assert.match(stdout, /^sk-sb-[\w-]{43}\n$/);
  assert.match(stderr, /^Key "alice" is made\. It is shown this once:/);
  const key = stdout.trim();
  const text = await readFile(path, 'utf8');
  assert.ok(!text.includes(key));
  assert.deepEqual(JSON.parse(text), {
    keys: [{ name: 'alice', sha256: hash('sha256', key), createdAt: '2026-06-01T00:00:00.000Z' }],
  });
  const { stdout: list } = await run('list');
  const { stdout: json } = await run('list --json');
  for (const shown of [list, json]) {
    assert.ok(shown.includes('alice') && !shown.includes(key) && !shown.includes('sha256'));
    assert.ok(!shown.includes(hash('sha256', key)));
  }
});

it('what is asked for a key is what its entry says', async () => {
  await run('add alice --user a --tenant t --scope admin --priority high --rpm 60 --expires 30d');
  const [entry] = await entries();
  const { sha256: _, ...rest } = entry ?? { sha256: '' };
  assert.deepEqual(rest, {
    name: 'alice',
    user: 'a',
    tenant: 't',
    scopes: ['admin'],
    priority: 'high',
    limits: { requestsPerMinute: 60 },
    createdAt: '2026-06-01T00:00:00.000Z',
    expiresAt: '2026-07-01T00:00:00.000Z',
    disabled: false,
  });
});

it('with --quiet there is nothing but the key', async () => {
  const { stdout, stderr } = await run('add alice --quiet');
  assert.match(stdout, /^sk-sb-\S+\n$/);
  assert.equal(stderr, '');
});

it('a key is disabled, enabled and removed by its name, and others stay', async () => {
  await run('add alice');
  await run('add bob --user b');
  const states = async () => (await entries()).map(({ name, disabled }) => [name, disabled]);
  assert.equal((await run('disable alice')).stdout, 'Key "alice" is disabled.\n');
  assert.deepEqual(await states(), [
    ['alice', true],
    ['bob', false],
  ]);
  await run('enable alice');
  assert.deepEqual(await states(), [
    ['alice', false],
    ['bob', false],
  ]);
  await run('remove alice');
  assert.deepEqual(await states(), [['bob', false]]);
});

it('the list tells what a key is and until when', async () => {
  await run('add alice --expires 1d --tpm 5');
  await run('add bob --user b --tenant acme --scope api,admin');
  await run('disable bob');
  const { stdout } = await run('list', NOW_MS + 86_400_000);
  assert.deepEqual(
    stdout.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['NAME', 'STATE', 'USER', 'TENANT', 'SCOPES', 'PRIORITY', 'EXPIRES', 'LIMITS'],
      [
        'alice',
        'expired',
        'alice',
        'default',
        'api',
        'normal',
        '2026-06-02T00:00:00.000Z',
        'tokensPerMinute=5',
      ],
      ['bob', 'disabled', 'b', 'acme', 'api,admin', 'normal', 'never', '-'],
      [''],
    ],
  );
});

it('a name that is taken, or that nobody has, changes nothing', async () => {
  await run('add alice');
  const before = await readFile(path, 'utf8');
  const wrong: readonly (readonly [line: string, message: string])[] = [
    ['add alice', 'There is a key "alice" already.'],
    ['disable bob', 'There is no key "bob".'],
    ['enable bob', 'There is no key "bob".'],
    ['remove bob', 'There is no key "bob".'],
  ];
  for (const [line, message] of wrong) {
    await assert.rejects(run(line), (error) => {
      return error instanceof KeyStoreError && error.message === message;
    });
  }
  assert.equal(await readFile(path, 'utf8'), before);
});
