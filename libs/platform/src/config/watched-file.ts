import { hash } from 'node:crypto';
import { ConfigError } from './config-error.ts';
import { fileErrorCode } from './read-config.ts';
import { readWhole, signatureAt } from './whole-file.ts';
import type { FileBounds } from './whole-file.ts';

/** What it logs through. A pino logger fits. */
export interface WatchedFileLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WatchedFileOptions<T> extends FileBounds {
  /** Throws {@link ConfigError}, whose lines may be shown. */
  readonly parse: (text: string) => T | Promise<T>;
  /** What the log says of a value that is new in use, besides the variable. */
  readonly describe?: ((value: T) => object) | undefined;
  /** Told of each new value when it is in use. Must not throw. */
  readonly onChange?: ((value: T) => void) | undefined;
  readonly pollIntervalMs: number;
  readonly log: WatchedFileLog;
}

interface Seen {
  /** A digest, or what is wrong with the file. */
  readonly content: string;
  readonly signature: string;
}

/** So many polls after a change the file is read again, though it looks the same. */
const POLLS_AFTER_CHANGE = 3;
/** How soon what looks new is read for the second time. */
const SETTLE_MS = 250;

/**
 * What a file says, and says after each change of it. It is polled: a notification is lost when a
 * file is replaced by another one, as a mounted secret is, and network file systems send none.
 *
 * - W1 whatever is wrong with the file later on, the last good value stays: a slip of the pen must
 *   not lock everybody out. It is logged as an error, once for each content that is wrong.
 * - W2 nothing is taken, or complained of, that was not read twice, a moment apart: half of a file
 *   may be a good one, and a file that is moved into place is missing for an instant.
 */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #value: T;
  /** Of the text that `#value` was read from. */
  #digest: string;
  #signature = '';
  #suspicious = POLLS_AFTER_CHANGE;
  /** What was there at the last look, if it is not what is in use. */
  #seen: Seen | undefined;
  /** What was there and is refused. */
  #refused: string | undefined;
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

  /** Looks now instead of at the next poll: the second look takes what is new. Never throws. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Something new was read once. */
  get #settles(): boolean {
    return this.#seen !== undefined && this.#seen.content !== this.#refused;
  }

  #schedule(): void {
    if (this.#closed) return;
    const poll = () => {
      void this.look().finally(() => this.#schedule());
    };
    const { pollIntervalMs } = this.#options;
    const waitMs = this.#settles ? Math.min(SETTLE_MS, pollIntervalMs) : pollIntervalMs;
    this.#timer = setTimeout(poll, waitMs).unref();
  }

  async #look(): Promise<void> {
    try {
      const signature = await signatureAt(this.#options);
      if (signature !== this.#signature) this.#suspicious = POLLS_AFTER_CHANGE;
      else if (this.#suspicious > 0) this.#suspicious -= 1;
      else if (!this.#settles) return;
      const read = await readWhole(this.#options);
      this.#signature = read.signature;
      const digest = hash('sha256', read.text);
      if (digest === this.#digest) this.#asItWas();
      else if (this.#isSettled(digest)) await this.#take(read.text, digest);
    } catch (thrown) {
      // Whatever is there next is read, also when it is the same file again.
      this.#signature = '';
      const problems = problemsOf(this.#options, thrown);
      if (this.#isSettled(problems.join('\n'))) this.#refuse(problems.join('\n'), problems);
    }
  }

  /** W2: whether this was there at the last look, untouched, and nothing has been done about it. */
  #isSettled(content: string): boolean {
    const last = this.#seen;
    this.#seen = { content, signature: this.#signature };
    const isSame = last?.content === content && last.signature === this.#signature;
    return isSame && content !== this.#refused && !this.#closed;
  }

  async #take(text: string, digest: string): Promise<void> {
    const { variable, parse, describe, onChange, log } = this.#options;
    let value: T;
    try {
      value = await parse(text);
    } catch (thrown) {
      this.#refuse(digest, problemsOf(this.#options, thrown));
      return;
    }
    if (this.#closed) return;
    this.#value = value;
    this.#digest = digest;
    this.#forget();
    log.info({ file: variable, ...describe?.(value) }, 'a file has changed and is in use');
    onChange?.(value);
  }

  #asItWas(): void {
    const { variable, log } = this.#options;
    if (this.#problem !== undefined) log.info({ file: variable }, 'a file is as it was again');
    this.#forget();
  }

  #forget(): void {
    this.#seen = undefined;
    this.#refused = undefined;
    this.#problem = undefined;
  }

  /** W1 */
  #refuse(content: string, problems: readonly string[]): void {
    if (this.#closed) return;
    this.#refused = content;
    this.#problem = problems.join('\n');
    const fields = { file: this.#options.variable, problems };
    this.#options.log.error(fields, 'a file is broken: its last good state stays in use');
  }
}

function problemsOf({ variable }: FileBounds, thrown: unknown): readonly string[] {
  return thrown instanceof ConfigError
    ? thrown.problems
    : [`${variable}: ${fileErrorCode(thrown)}`];
}
