import { extname } from 'node:path';
import type { IsolatedTools } from '../tools/isolated-tools.ts';
import type { SchemaChecker } from './checked-answer.ts';

/** Longest check of one answer; others' checks before it do not count. */
const CHECK_TIMEOUT_MS = 5_000;
const CHECK = new URL(`check-schema${extname(import.meta.filename)}`, import.meta.url);

/** Checks answers in threads, where it delays nobody however long it takes. */
export class IsolatedChecker implements SchemaChecker {
  readonly #threads: IsolatedTools;

  constructor(threads: IsolatedTools) {
    this.#threads = threads;
  }

  /** What is wrong with `text` as JSON of this schema; undefined: nothing. Rejects as `signal`. */
  async check(schema: object, text: string, signal: AbortSignal): Promise<string | undefined> {
    const input = { schema, text };
    const timeoutMs = CHECK_TIMEOUT_MS;
    try {
      const call = { module: CHECK.href, name: 'checkSchema', input, timeoutMs };
      const problem = await this.#threads.run(call, signal);
      return problem === '' ? undefined : problem;
    } catch {
      signal.throwIfAborted();
      return 'it could not be checked in time';
    }
  }
}
