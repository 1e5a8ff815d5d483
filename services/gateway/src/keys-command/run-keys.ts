import { hash, randomBytes } from 'node:crypto';
import type { StoredKey } from '../accounts/key-file.ts';
import type { Command, NewKey } from './command-line.ts';
import { KeyStoreError } from './key-store.ts';
import type { KeyStore } from './key-store.ts';
import { keysJson, keysTable } from './key-list.ts';

export interface Result {
  readonly stdout: string;
  /** For the person, beside what a program may read. */
  readonly stderr: string;
}

type Store = Pick<KeyStore, 'read' | 'change'>;

/** @throws KeyStoreError with what the person can do about it. */
export async function runKeys(store: Store, command: Command, nowMs: number): Promise<Result> {
  if (command.kind === 'add') return await add(store, command, nowMs);
  if (command.kind === 'list') {
    const entries = await store.read();
    if (command.json) return said(JSON.stringify(keysJson(entries, nowMs)));
    return said(keysTable(entries, nowMs).join('\n'));
  }
  const { kind, name } = command;
  await changeOne(store, name, CHANGES[kind]);
  return said(`Key "${name}" is ${kind}d.`);
}

/** What each command leaves of a key. */
const CHANGES: Readonly<
  Record<'disable' | 'enable' | 'remove', (key: StoredKey) => readonly StoredKey[]>
> = {
  disable: (key) => [{ ...key, disabled: true }],
  enable: (key) => [{ ...key, disabled: false }],
  remove: () => [],
};

/** 256 random bits: nobody guesses it, so that a plain hash of it is safe to keep. */
export function newKey(): string {
  return `sk-sb-${randomBytes(32).toString('base64url')}`;
}

async function add(
  store: Store,
  { name, key: wanted, quiet }: Extract<Command, { kind: 'add' }>,
  nowMs: number,
): Promise<Result> {
  const key = newKey();
  await store.change('empty', (stored) => {
    if (stored.some((other) => other.name === name)) {
      throw new KeyStoreError(`There is a key "${name}" already.`);
    }
    return [...stored, entryOf(name, key, wanted, nowMs)];
  });
  if (quiet) return { stdout: `${key}\n`, stderr: '' };
  const told = `Key "${name}" is made. It is shown this once:\n\n`;
  return { stdout: `${key}\n`, stderr: told };
}

function entryOf(
  name: string,
  key: string,
  { lifetimeMs, ...fields }: NewKey,
  nowMs: number,
): StoredKey {
  return {
    name,
    sha256: hash('sha256', key),
    ...fields,
    createdAt: moment(nowMs),
    ...(lifetimeMs === undefined ? {} : { expiresAt: moment(nowMs + lifetimeMs) }),
  };
}

async function changeOne(
  store: Store,
  name: string,
  change: (key: StoredKey) => readonly StoredKey[],
): Promise<void> {
  await store.change('required', (stored) => {
    if (!stored.some((key) => key.name === name)) {
      throw new KeyStoreError(`There is no key "${name}".`);
    }
    return stored.flatMap((key) => (key.name === name ? change(key) : [key]));
  });
}

function said(text: string): Result {
  return { stdout: `${text}\n`, stderr: '' };
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}
