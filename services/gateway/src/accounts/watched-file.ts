import { hash } from 'node:crypto';
import { ConfigError, fileErrorCode } from '@switchboard/platform/config';
import type { AccountsLog } from './accounts-log.ts';
import { readWhole, signatureAt } from './whole-file.ts';
import type { FileBounds, Reading } from './whole-file.ts';

export interface WatchedFileOptions<T> extends FileBounds {
  /** Throws {@link ConfigError}, whose lines may be shown. */
  readonly parse: (text: string) => T | Promise<T>;
  readonly pollIntervalMs: number;
  readonly log: AccountsLog;
}

/** So many polls after a change the file is read again, though it looks the same. */
const POLLS_AFTER_CHANGE = 3;

/**
 * What a file says, and says after each change of it. It is polled: a notification is lost when a
 * file is replaced by another one, as a mounted secret is, and network file systems send none.
 *
 * Whatever is wrong with the file later on, the last good value stays: a slip of the pen must not
 * lock everybody out. It is logged as an error, once for each problem.
 */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #value: T;
  /** Of the text that `#value` was read from. */
  #digest: string;
  #signature = '';
  #suspicious = POLLS_AFTER_CHANGE;
  #problem: string | undefined;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @throws ConfigError when the first reading fails. */
  static async open<T>(options: WatchedFileOptions<T>): Promise<WatchedFile<T>> {
    const { text } = await readWhole(options);
    const file = new WatchedFile(options, await options.parse(text), hash('sha256', text));
    file.#schedule();
    return file;
  }

  private constructor(options: WatchedFileOptions<T>, value: T, digest: string) {
    this.#options = options;
    this.#value = value;
    this.#digest = digest;
  }

  get value(): T {
    return this.#value;
  }

  /** What is wrong with the file now, while an older reading of it is in use. */
  get problem(): string | undefined {
    return this.#problem;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Looks now instead of at the next poll. Never throws. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  #schedule(): void {
    if (this.#closed) return;
    const poll = () => {
      void this.look().finally(() => this.#schedule());
    };
    this.#timer = setTimeout(poll, this.#options.pollIntervalMs).unref();
  }

  async #look(): Promise<void> {
    let read: Reading;
    try {
      const signature = await signatureAt(this.#options);
      if (signature !== this.#signature) this.#suspicious = POLLS_AFTER_CHANGE;
      else if (this.#suspicious > 0) this.#suspicious -= 1;
      else return;
      read = await readWhole(this.#options);
    } catch (thrown) {
      // Whatever is there next is read, also when it is the same file again.
      this.#signature = '';
      this.#complain(thrown);
      return;
    }
    if (this.#closed) return;
    this.#signature = read.signature;
    try {
      await this.#take(read.text);
    } catch (thrown) {
      this.#complain(thrown);
    }
  }

  async #take(text: string): Promise<void> {
    const { variable, parse, log } = this.#options;
    const digest = hash('sha256', text);
    if (digest !== this.#digest) {
      this.#value = await parse(text);
      this.#digest = digest;
      log.info({ file: variable }, 'a file has changed and is in use');
    } else if (this.#problem !== undefined) {
      log.info({ file: variable }, 'a file is as it was again');
    }
    this.#problem = undefined;
  }

  #complain(thrown: unknown): void {
    const { variable, log } = this.#options;
    const problems =
      thrown instanceof ConfigError ? thrown.problems : [`${variable}: ${fileErrorCode(thrown)}`];
    const problem = problems.join('\n');
    if (this.#closed || problem === this.#problem) return;
    this.#problem = problem;
    log.error({ file: variable, problems }, 'a file is broken: its last good state stays in use');
  }
}
