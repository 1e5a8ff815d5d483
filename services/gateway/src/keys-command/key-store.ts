import { randomBytes } from 'node:crypto';
import { chmod, chown, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileErrorCode } from '@switchboard/platform/config';
import { KEY_FILE_MAX_BYTES, readKeyFile } from '../accounts/key-file.ts';
import type { KeyEntry, StoredKey } from '../accounts/key-file.ts';

/** Something the person at the keyboard can mend. */
export class KeyStoreError extends Error {
  override readonly name = 'KeyStoreError';
}

/** Whoever holds the lock needs a few milliseconds. */
const LOCK_TIMEOUT_MS = 5_000;
const LOCK_POLL_MS = 50;

export interface KeyStoreOptions {
  readonly path: string;
  readonly lockTimeoutMs?: number;
}

/** The key file, changed by one command at a time and replaced as a whole. */
export class KeyStore {
  readonly #path: string;
  readonly #lockTimeoutMs: number;

  constructor({ path, lockTimeoutMs = LOCK_TIMEOUT_MS }: KeyStoreOptions) {
    this.#path = path;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  /** @throws KeyStoreError when there is no file, or it is broken. */
  async read(): Promise<readonly KeyEntry[]> {
    const { entries } = await this.#read(this.#path, 'required');
    return entries;
  }

  /**
   * Replaces the entries by what `change` makes of them; what it throws leaves the file as it was.
   * Readers see the old file or the new one, never a part. A new file is for its owner alone; an
   * old one keeps its owner and mode, so that the gateway may still read it.
   * @param missing what a missing file is: an empty one, or an error
   */
  async change(
    missing: 'empty' | 'required',
    change: (stored: readonly StoredKey[]) => readonly StoredKey[],
  ): Promise<void> {
    // What a link points to is replaced, not the link.
    const path = await realpath(this.#path).catch(() => this.#path);
    const lock = `${path}.lock`;
    await this.#lock(lock);
    try {
      const { stored } = await this.#read(path, missing);
      const text = `${JSON.stringify({ keys: change(stored) }, null, 2)}\n`;
      const read = readKeyFile(text);
      if ('problems' in read) throw new KeyStoreError(read.problems.join('\n'));
      await replace(path, text);
    } finally {
      await rm(lock, { force: true });
    }
  }

  async #read(
    path: string,
    missing: 'empty' | 'required',
  ): Promise<{ entries: readonly KeyEntry[]; stored: readonly StoredKey[] }> {
    const text = await this.#text(path, missing);
    if (text === undefined) return { entries: [], stored: [] };
    const read = readKeyFile(text);
    if ('entries' in read) return read;
    throw new KeyStoreError(`${this.#path} is broken:\n  ${read.problems.join('\n  ')}`);
  }

  async #text(path: string, missing: 'empty' | 'required'): Promise<string | undefined> {
    try {
      if ((await stat(path)).size > KEY_FILE_MAX_BYTES) {
        throw new KeyStoreError(`${this.#path} is larger than ${KEY_FILE_MAX_BYTES} bytes.`);
      }
      return await readFile(path, 'utf8');
    } catch (thrown) {
      if (thrown instanceof KeyStoreError) throw thrown;
      const code = fileErrorCode(thrown);
      if (code === 'ENOENT' && missing === 'empty') return undefined;
      if (code === 'ENOENT') {
        throw new KeyStoreError(`There is no file ${this.#path}: \`add NAME\` makes it.`);
      }
      throw new KeyStoreError(`${this.#path} cannot be read (${code}).`, { cause: thrown });
    }
  }

  /** A file that only one process can make. One that is left behind is named, never broken. */
  async #lock(lock: string): Promise<void> {
    const deadline = performance.now() + this.#lockTimeoutMs;
    for (;;) {
      try {
        const file = await open(lock, 'wx', 0o600);
        await file.writeFile(`${process.pid}\n`);
        await file.close();
        return;
      } catch (thrown) {
        const code = fileErrorCode(thrown);
        if (code !== 'EEXIST') {
          throw new KeyStoreError(`${lock} cannot be written (${code}).`, { cause: thrown });
        }
      }
      if (performance.now() >= deadline) {
        throw new KeyStoreError(
          `Another command is changing the keys. If none is running, remove ${lock}.`,
        );
      }
      await delay(LOCK_POLL_MS);
    }
  }
}

async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(draft, 'wx', 0o600);
    await writeAll(file, text);
    await keepOwner(path, draft);
    await rename(draft, path);
    await flushFolder(dirname(path));
  } catch (thrown) {
    await rm(draft, { force: true });
    throw new KeyStoreError(`${path} cannot be written (${fileErrorCode(thrown)}).`, {
      cause: thrown,
    });
  }
}

async function writeAll(file: FileHandle, text: string): Promise<void> {
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function keepOwner(path: string, draft: string): Promise<void> {
  const [old, fresh] = await Promise.all([stat(path).catch(() => undefined), stat(draft)]);
  if (old === undefined) return;
  if (old.uid !== fresh.uid || old.gid !== fresh.gid) await chown(draft, old.uid, old.gid);
  await chmod(draft, old.mode & 0o777);
}

/** So that the new name outlives a power failure. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
