import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { requireScope } from './caller.ts';
import { readKeyFile } from './key-file.ts';
import type { StoredKey } from './key-file.ts';
import { KeyTable } from './key-table.ts';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');

function tableOf(...keys: readonly ({ key: string } & Partial<StoredKey>)[]): KeyTable {
  const entries = keys.map(({ key, ...entry }) => {
    return { sha256: hash('sha256', key), createdAt: '2026-01-01T00:00:00Z', ...entry };
  });
  const read = readKeyFile(JSON.stringify({ keys: entries }));
  assert.ok('entries' in read);
  return new KeyTable(read.entries);
}

function refusalOf(table: KeyTable, key: string): SwitchboardError {
  try {
    table.find(key, NOW_MS);
  } catch (thrown) {
    assert.ok(thrown instanceof SwitchboardError);
    return thrown;
  }
  throw new Error('the key was not refused');
}

it('a key is found whole, and nothing that resembles it', () => {
  const table = tableOf({ key: 'one', name: 'a' }, { key: 'two', name: 'b' });
  assert.equal(table.find('one', NOW_MS)?.id, 'key:a');
  assert.equal(table.find('two', NOW_MS)?.id, 'key:b');
  for (const guess of ['', 'on', 'ONE', 'one ', 'onetwo', hash('sha256', 'one')]) {
    assert.equal(table.find(guess, NOW_MS), undefined, guess);
  }
});

it('a key that is too long is refused before it is hashed', () => {
  const table = tableOf({ key: 'x'.repeat(512), name: 'a' }, { key: 'x'.repeat(513), name: 'b' });
  assert.equal(table.find('x'.repeat(512), NOW_MS)?.name, 'a');
  assert.equal(table.find('x'.repeat(513), NOW_MS), undefined);
});

it('a disabled key and an expired one are refused alike, and their holder is told which', () => {
  const ends = { key: 'late', name: 'a', expiresAt: '2026-06-01T00:00:00Z' };
  const table = tableOf(ends, { key: 'off', name: 'b', disabled: true });
  assert.equal(refusalOf(table, 'late').code, 'invalid_api_key');
  assert.match(refusalOf(table, 'late').message, /has expired/);
  assert.equal(refusalOf(table, 'off').code, 'invalid_api_key');
  assert.match(refusalOf(table, 'off').message, /is disabled/);
  assert.equal(table.find('late', NOW_MS - 1)?.expiresAtMs, NOW_MS);
});

it('responses are owned by the user of a tenant, whichever of their keys made them', () => {
  const table = tableOf(
    { key: '1', name: 'alice' },
    { key: '2', name: 'second', user: 'alice' },
    { key: '3', name: 'third', user: 'alice', tenant: 'acme' },
    { key: '4', name: 'bob' },
  );
  const owner = (key: string) => table.find(key, NOW_MS)?.owner;
  assert.equal(owner('1'), owner('2'));
  assert.equal(new Set([owner('1'), owner('3'), owner('4')]).size, 3);
});

it('a scope that a key lacks is named in the refusal', () => {
  const caller = tableOf({ key: 'k', name: 'a' }).find('k', NOW_MS);
  assert.ok(caller !== undefined);
  requireScope(caller, 'api');
  assert.throws(
    () => requireScope(caller, 'admin'),
    (error: SwitchboardError) => {
      return error.code === 'insufficient_scope' && error.message.includes('`admin`');
    },
  );
});
