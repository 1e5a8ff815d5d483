import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { readKeyFile } from '../accounts/key-file.ts';
import type { StoredKey } from '../accounts/key-file.ts';
import { KeyStore, KeyStoreError } from './key-store.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'key-store-'));
  path = join(folder, 'keys.json');
});
afterEach(async () => await rm(folder, { recursive: true }));

function entry(name: string): StoredKey {
  return { name, sha256: hash('sha256', name), createdAt: '2026-01-01T00:00:00Z' };
}

async function add(name: string, store = new KeyStore({ path })): Promise<void> {
  await store.change('empty', (stored) => [...stored, entry(name)]);
}

async function names(): Promise<string[]> {
  const read = readKeyFile(await readFile(path, 'utf8'));
  assert.ok('entries' in read);
  return read.entries.map(({ name }) => name);
}

it('a new file is for its owner alone', async () => {
  await add('alice');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

it('a file keeps the mode that it had, and nothing is left beside it', async () => {
  await add('alice');
  await chmod(path, 0o644);
  await add('bob');
  assert.equal((await stat(path)).mode & 0o777, 0o644);
  assert.deepEqual(await readdir(folder), ['keys.json']);
});

it('of a link the file behind it is replaced', async () => {
  await add('alice');
  const link = join(folder, 'link.json');
  await symlink('keys.json', link);
  await add('bob', new KeyStore({ path: link }));
  assert.ok((await lstat(link)).isSymbolicLink());
  assert.deepEqual(await names(), ['alice', 'bob']);
});

it('of many changes at once each is kept, and every reader sees a whole file', async () => {
  await add('first');
  let over = false;
  const reading = (async () => {
    let reads = 0;
    while (!over) {
      assert.ok((await names()).length >= 1);
      reads += 1;
    }
    return reads;
  })();
  const wanted = Array.from({ length: 20 }, (_, at) => `key-${at}`);
  const store = new KeyStore({ path, lockTimeoutMs: 60_000 });
  await Promise.all(wanted.map(async (name) => add(name, store)));
  over = true;
  assert.ok((await reading) > 0);
  assert.deepEqual((await names()).toSorted(), ['first', ...wanted].toSorted());
});

it('a lock that somebody left behind is named, and not broken', async () => {
  await add('alice');
  await writeFile(`${path}.lock`, '1\n');
  await assert.rejects(add('bob', new KeyStore({ path, lockTimeoutMs: 60 })), (error) => {
    return error instanceof KeyStoreError && error.message.endsWith(`remove ${path}.lock.`);
  });
  assert.deepEqual(await names(), ['alice']);
});

it('what cannot be read, or would be broken, is told and leaves the file as it was', async () => {
  await assert.rejects(new KeyStore({ path }).read(), /There is no file .*: `add NAME` makes it\./);
  await writeFile(path, '{"keys":[{"name":"alice"}]}');
  await assert.rejects(new KeyStore({ path }).read(), /is broken:\n {2}key "alice": sha256/);
  await assert.rejects(add('bob'), KeyStoreError);
  await rm(path);
  await add('alice');
  await assert.rejects(add('alice'), /key "alice": the name is not unique/);
  await assert.rejects(
    add('x', new KeyStore({ path: join(folder, 'no', 'keys.json') })),
    (error) => {
      return error instanceof KeyStoreError && error.message.includes('cannot be written (ENOENT)');
    },
  );
  assert.deepEqual(await names(), ['alice']);
  assert.deepEqual(await readdir(folder), ['keys.json']);
});
