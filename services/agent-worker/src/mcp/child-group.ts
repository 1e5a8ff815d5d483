import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { ServerFault, causeCode } from './server-fault.ts';

export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** All that it is given: nothing of the worker's own environment comes on top. */
  readonly env: Readonly<Record<string, string>>;
}

/** How long a server may take to end when its input has ended, and again after SIGTERM. */
const PATIENCE_MS = 2_000;
/** How long the pipes of a dead server may stay open: somebody else may hold them. */
const PIPES_MS = 1_000;

/** Groups that live: what still does when the worker exits, in whatever way it may, is killed. */
const living = new Set<ChildGroup>();

/**
 * A child process in a group of its own, so that what it starts itself (`npx` starts a shell, and
 * that a server) ends with it. When the worker is killed, its input ends, and nobody else tells it.
 */
export class ChildGroup {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended = Promise.withResolvers<string>();
  #closing: Promise<void> | undefined;

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    if (living.size === 0) process.on('exit', killAll);
    living.add(this);
    child.once('exit', (code, signal) => {
      // Its own children go with it. They may hold its pipes, which would never close then.
      this.#signal('SIGKILL');
      const timer = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, PIPES_MS);
      child.once('close', () => {
        clearTimeout(timer);
        this.#forget(code === null ? `${signal}` : `code ${code}`);
      });
    });
    // After the start these say only that a signal could not be sent, or a pipe is broken.
    for (const emitter of [child, child.stdin, child.stdout, child.stderr]) {
      emitter.on('error', () => {});
    }
  }

  /** @throws ServerFault when there is no such command */
  static async start({ command, args, env }: ChildCommand): Promise<ChildGroup> {
    const child = spawn(command, args, { env, stdio: 'pipe', shell: false, detached: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.once('spawn', resolve);
    child.once('error', reject);
    try {
      await promise;
    } catch (thrown) {
      throw new ServerFault(`its command cannot be started (${causeCode(thrown)})`);
    }
    child.off('error', reject);
    return new ChildGroup(child);
  }

  get stdin(): Writable {
    return this.#child.stdin;
  }

  get stdout(): Readable {
    return this.#child.stdout;
  }

  get stderr(): Readable {
    return this.#child.stderr;
  }

  /** When it is gone and all it had written was read: `code 1`, `SIGKILL`. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /** Ends it: its input first, then SIGTERM, then SIGKILL. Resolves when it is gone. */
  end(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#child.stdin.end();
    // Nobody reads on. One that writes for ever is ended by that; a full pipe would hold it.
    this.#child.stdout.destroy();
    if (await this.#endsWithin(PATIENCE_MS)) return;
    this.#signal('SIGTERM');
    if (await this.#endsWithin(PATIENCE_MS)) return;
    this.#signal('SIGKILL');
    await this.#ended.promise;
  }

  async #endsWithin(ms: number): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(() => late.resolve(false), ms);
    const ended = await Promise.race([this.#ended.promise, late.promise]);
    clearTimeout(timer);
    return ended !== false;
  }

  #forget(how: string): void {
    living.delete(this);
    if (living.size === 0) process.off('exit', killAll);
    this.#child.stdin.destroy();
    this.#ended.resolve(how);
  }

  #signal(name: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, name);
    } catch {
      // The group is empty.
    }
  }

  /** For the last moment of the worker, when nothing can be waited for. */
  static killAll(): void {
    for (const group of living) group.#signal('SIGKILL');
  }
}

function killAll(): void {
  ChildGroup.killAll();
}
