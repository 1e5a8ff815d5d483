import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { childEnvironment } from '@switchboard/stack';

const COMMAND = fileURLToPath(
  new URL('../../services/gateway/dist/keys-command/main.js', import.meta.url),
);
const run = promisify(execFile);

/** A key file that the command of the gateway writes, as a person would. */
export class KeyRing implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'key-ring-'));
  readonly file = join(this.#folder, 'keys.json');
  readonly #keys = new Map<string, string>();

  /** All keys that were made. */
  get secrets(): readonly string[] {
    return [...this.#keys.values()];
  }

  /** Makes a key; `options` are those of the command. */
  async add(name: string, ...options: readonly string[]): Promise<string> {
    const key = (await this.#run('add', name, '--quiet', ...options)).trim();
    this.#keys.set(name, key);
    return key;
  }

  async disable(name: string): Promise<void> {
    await this.#run('disable', name);
  }

  /** Headers of a request with the key. */
  headers(name: string): Record<string, string> {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Error(`there is no key ${name}`);
    return { authorization: `Bearer ${key}` };
  }

  async write(text: string): Promise<void> {
    await fs.writeFile(this.file, text);
  }

  async read(): Promise<string> {
    return await fs.readFile(this.file, 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await fs.rm(this.#folder, { recursive: true, force: true });
  }

  async #run(...parameters: readonly string[]): Promise<string> {
    const env = childEnvironment({ KEYS_FILE: this.file });
    return (await run(process.execPath, [COMMAND, ...parameters], { env })).stdout;
  }
}
