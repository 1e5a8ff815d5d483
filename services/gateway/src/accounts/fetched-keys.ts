import { hash } from 'node:crypto';
import { SwitchboardError } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from 'jose';
import type { AccountsLog } from './accounts-log.ts';
import { fetchText } from './fetch-text.ts';
import { KEY_SET_MAX_BYTES, KeySet } from './key-set.ts';
import type { KeySource } from './key-set.ts';

export interface FetchedKeysOptions {
  readonly url: string;
  readonly issuer: string;
  /** How often the set is fetched although nobody asked for another key. */
  readonly refreshMs: number;
  /**
   * How long no second fetch follows a first one: else tokens with invented key ids would be a
   * hammer on the issuer.
   */
  readonly cooldownMs: number;
  readonly timeoutMs: number;
  readonly log: AccountsLog;
}

/** After a failure the next regular fetch comes earlier. */
const RETRY_MS = 30_000;

/**
 * The key set of an issuer, fetched from its address: at the start, regularly, and when a token
 * names a key that is not in it. While the issuer is away the last set goes on being used.
 */
export class FetchedKeys implements KeySource {
  readonly #options: FetchedKeysOptions;
  readonly #closed = new AbortController();
  #current: KeySet | undefined;
  /** Of the text of the present set: the same text is the same set. */
  #digest = '';
  #fetching: Promise<void> | undefined;
  #fetchedAtMs = -Infinity;
  #failed = false;
  #timer: NodeJS.Timeout | undefined;

  /** Fetches in the background: an issuer that is away does not keep others out. */
  constructor(options: FetchedKeysOptions) {
    this.#options = options;
    void this.#fetch();
  }

  get current(): KeySet | undefined {
    return this.#current;
  }

  async key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (this.#current?.has(header.kid) !== true) await this.#lookAgain();
    if (this.#current === undefined) throw this.#unavailable();
    return await this.#current.find(header, token);
  }

  close(): void {
    this.#closed.abort();
    clearTimeout(this.#timer);
  }

  /** Returns when the set is as new as it can be. */
  async #lookAgain(): Promise<void> {
    if (this.#fetching !== undefined || this.#cooldownLeftMs() === 0) await this.#fetch();
    if (this.#failed) throw this.#unavailable();
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { url, timeoutMs } = this.#options;
    clearTimeout(this.#timer);
    const bounds = { timeoutMs, maxBytes: KEY_SET_MAX_BYTES, signal: this.#closed.signal };
    try {
      await this.#take(await fetchText(url, bounds));
      this.#failed = false;
    } catch (thrown) {
      this.#failed = true;
      this.#complain(thrown);
    }
    this.#fetchedAtMs = performance.now();
    this.#schedule();
  }

  async #take(text: string): Promise<void> {
    const digest = hash('sha256', text);
    if (digest === this.#digest) return;
    const { issuer, log } = this.#options;
    this.#current = await KeySet.read('JWKS_URL', text);
    this.#digest = digest;
    log.info({ issuer, count: this.#current.size }, 'the key set of an issuer is in use');
  }

  #complain(thrown: unknown): void {
    if (this.#closed.signal.aborted) return;
    const { issuer, log } = this.#options;
    const reason = thrown instanceof ConfigError ? thrown.problems[0] : reasonOf(thrown);
    const message =
      this.#current === undefined
        ? 'the key set of an issuer cannot be fetched: its tokens are not accepted yet'
        : 'the key set of an issuer cannot be fetched: the last one stays in use';
    log.warn({ issuer, reason }, message);
  }

  #schedule(): void {
    if (this.#closed.signal.aborted) return;
    const { refreshMs } = this.#options;
    const waitMs = this.#failed ? Math.min(refreshMs, RETRY_MS) : refreshMs;
    this.#timer = setTimeout(() => void this.#fetch(), waitMs).unref();
  }

  #cooldownLeftMs(): number {
    const passed = performance.now() - this.#fetchedAtMs;
    return Math.max(0, this.#options.cooldownMs - passed);
  }

  #unavailable(): SwitchboardError {
    return new SwitchboardError(
      'auth_unavailable',
      'The token cannot be checked now: the keys of its issuer cannot be fetched.',
      { retryAfterMs: this.#cooldownLeftMs() },
    );
  }
}

/** `ECONNREFUSED` and the like, which fetch puts below its own error. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'unknown';
  const { cause } = thrown;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return thrown.message;
}
