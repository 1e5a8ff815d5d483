import { hash, timingSafeEqual } from 'node:crypto';
import { keyOwner } from './caller.ts';
import type { Caller } from './caller.ts';
import { invalidKey } from './credentials.ts';
import type { KeyEntry } from './key-file.ts';

/** No longer key is hashed (characters): ours have 49. */
const KEY_MAX_CHARACTERS = 512;

interface Key {
  readonly digest: Buffer;
  readonly caller: Caller;
  readonly disabled: boolean;
}

/**
 * The keys of one reading of the file, never changed afterwards: a reload makes a new table and
 * puts it in the place of the old one, so that no moment is between them.
 */
export class KeyTable {
  readonly #byDigest: ReadonlyMap<string, Key>;

  constructor(entries: readonly KeyEntry[]) {
    this.#byDigest = new Map(entries.map((entry) => [entry.sha256, keyOf(entry)]));
  }

  get size(): number {
    return this.#byDigest.size;
  }

  /**
   * Whose key it is, or undefined. The look-up goes by the digest: its timing tells something about
   * the digest of the guess at most, and nobody can choose guesses by their SHA-256. The comparison
   * that decides takes the same time for all.
   * @throws SwitchboardError `invalid_api_key` for a key that is disabled or has expired. Only who
   * has the whole key is told so.
   */
  find(key: string, nowMs: number): Caller | undefined {
    if (key.length > KEY_MAX_CHARACTERS) return undefined;
    const digest = hash('sha256', key, 'hex');
    const found = this.#byDigest.get(digest);
    if (found === undefined || !timingSafeEqual(found.digest, Buffer.from(digest, 'hex'))) {
      return undefined;
    }
    const { caller, disabled } = found;
    if (disabled) throw invalidKey('This API key is disabled. Ask who gave it to you.');
    if (caller.expiresAtMs !== undefined && caller.expiresAtMs <= nowMs) {
      throw invalidKey('This API key has expired. Ask who gave it to you for a new one.');
    }
    return caller;
  }
}

function keyOf(entry: KeyEntry): Key {
  const { name, tenant, priority, expiresAt, disabled } = entry;
  const user = entry.user ?? name;
  const caller: Caller = Object.freeze({
    id: `key:${name}`,
    name,
    user,
    tenant,
    scopes: new Set(entry.scopes),
    priority,
    limits: Object.freeze({ ...entry.limits }),
    owner: keyOwner(tenant, user),
    ...(expiresAt === undefined ? {} : { expiresAtMs: Date.parse(expiresAt) }),
  });
  return { digest: Buffer.from(entry.sha256, 'hex'), caller, disabled };
}
