import { extname } from 'node:path';
import { Piscina } from 'piscina';
import { CallSlots } from './call-slots.ts';
import type { IsolatedResult, IsolatedTask } from './isolated-host.ts';
import { OUTPUT_CHARS_MAX } from './output-limit.ts';
import { ToolError } from './tool.ts';

export interface IsolatedToolsOptions {
  /** Most threads, and so most calls at once. */
  readonly threads: number;
  /** Heap of one thread without its youngest objects, in MiB; buffers lie outside of it. */
  readonly memoryMib: number;
  /** Most calls that wait for a thread; without it, 64 for each thread. */
  readonly waitingMax?: number;
}

/** An export of a module, and what it is called with; the input must be plain data. */
export interface IsolatedCall extends Pick<IsolatedTask, 'module' | 'name' | 'input'> {
  /** Longest that it may have a thread; how long it waits for one is its signal's affair. */
  readonly timeoutMs?: number;
}

/** Calls that wait for a thread, for each thread. */
const WAITING_PER_THREAD = 64;
/** A thread that has nothing to do is ended after this long. */
const IDLE_MS = 30_000;
/** Threads yield to the event loop of the process: tokens go before tools. */
const NICE = 10;
/** Beside this module, compiled or not. */
const HOST = new URL(`isolated-host${extname(import.meta.filename)}`, import.meta.url);

/**
 * Runs what computes for long in threads, where it delays nobody: no more at once than there are
 * threads, the others in order, and each ended with its thread when its signal aborts, whatever it
 * is doing.
 */
export class IsolatedTools {
  readonly #threads: Piscina<IsolatedTask, IsolatedResult>;
  /**
   * As many as threads, so that nothing waits in Piscina: it begins no thread for what waits when
   * one was ended, keeps no order among calls with a signal and does not bound how many wait.
   */
  readonly #slots: CallSlots;
  readonly #waitingMax: number;

  constructor({ threads, memoryMib, waitingMax }: IsolatedToolsOptions) {
    this.#slots = new CallSlots(threads);
    this.#waitingMax = waitingMax ?? threads * WAITING_PER_THREAD;
    this.#threads = new Piscina<IsolatedTask, IsolatedResult>({
      filename: HOST.href,
      name: 'runIsolated',
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: IDLE_MS,
      // A thread that blocks while it waits could not end what a call has left behind.
      atomics: 'disabled',
      niceIncrement: NICE,
      resourceLimits: { maxOldGenerationSizeMb: memoryMib },
    });
    // What a call has left behind threw after its end, when nobody waits for it. That ends its
    // thread; without a listener it would end the process, too.
    this.#threads.on('error', () => {});
  }

  /**
   * @throws ToolError what the model is told; the signal's reason when that aborts; a TimeoutError
   *   after `timeoutMs`
   */
  async run({ timeoutMs, ...call }: IsolatedCall, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    if (this.#slots.waiting >= this.#waitingMax) {
      throw new ToolError('Too many tools are computing now. Try again later.');
    }
    const release = await this.#slots.take(signal);
    try {
      if (timeoutMs === undefined) return await this.#call(call, signal);
      const timeout = AbortSignal.timeout(timeoutMs);
      return await this.#call(call, AbortSignal.any([signal, timeout]));
    } finally {
      release();
    }
  }

  /** Ends every thread at once. */
  async close(): Promise<void> {
    await this.#threads.destroy();
  }

  async #call(call: IsolatedCall, signal: AbortSignal): Promise<string> {
    let result: IsolatedResult;
    try {
      result = await this.#threads.run({ ...call, charsMax: OUTPUT_CHARS_MAX }, { signal });
    } catch (thrown) {
      signal.throwIfAborted();
      throw explained(thrown);
    }
    if ('output' in result) return result.output;
    if ('told' in result) throw new ToolError(result.told);
    const error = new Error('an isolated tool failed');
    error.name = result.error.name;
    if (result.error.stack !== undefined) error.stack = result.error.stack;
    throw error;
  }
}

function explained(thrown: unknown): unknown {
  const { code } = (thrown ?? {}) as { code?: unknown };
  if (code !== 'ERR_WORKER_OUT_OF_MEMORY') return thrown;
  return new ToolError('The tool needed more memory than it may have and was stopped.');
}
