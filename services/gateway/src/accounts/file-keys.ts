import { WatchedFile } from '@switchboard/platform/config';
import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from 'jose';
import type { AccountsLog } from './accounts-log.ts';
import { KEY_SET_MAX_BYTES, KeySet } from './key-set.ts';
import type { KeySource } from './key-set.ts';

const VARIABLE = 'JWKS_FILE';

/** The key set of an issuer in a file, followed through its changes. */
export class FileKeys implements KeySource {
  readonly #file: WatchedFile<KeySet>;

  /** @throws ConfigError when the first reading fails. */
  static async open(
    path: string,
    { log, pollIntervalMs }: { readonly log: AccountsLog; readonly pollIntervalMs: number },
  ): Promise<FileKeys> {
    const file = await WatchedFile.open({
      variable: VARIABLE,
      path,
      maxBytes: KEY_SET_MAX_BYTES,
      parse: async (text) => await KeySet.read(VARIABLE, text),
      pollIntervalMs,
      log,
    });
    return new FileKeys(file);
  }

  private constructor(file: WatchedFile<KeySet>) {
    this.#file = file;
  }

  get current(): KeySet {
    return this.#file.value;
  }

  async key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    return await this.current.find(header, token);
  }

  close(): void {
    this.#file.close();
  }
}
