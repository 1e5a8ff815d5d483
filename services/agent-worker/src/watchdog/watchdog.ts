/**
 * Ends this process when its main thread is blocked for too long: an agent that loops without
 * waiting takes all slots with it, and nothing on the main thread could say so. A thread looks at a
 * counter that the main thread moves on each second (`watchdog-thread.ts`).
 *
 * - W1 it counts its own looks and reads no clock: a machine that sleeps, a stopped process and a
 *   starved container stop both threads alike, and nothing is missed.
 * - W2 it needs nothing of the main thread: where that is blocked is asked of V8, the last log line
 *   is written by the thread, and the process ends also when it is process 1 of a container, which
 *   no signal of its own could end.
 * - W3 it costs two timers a second, keeps no process alive, and when it fails itself the worker
 *   goes on without it.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { toError } from '@switchboard/contract';

/** How often the main thread moves on, and how often the thread looks. */
const LOOK_MS = 1_000;
/** A thread that looks needs little; a bound keeps it from being the one that grows. */
const THREAD_HEAP_MIB = 16;

export interface WatchdogOptions {
  /** How long the main thread may be blocked; 0: for ever. */
  readonly afterMs: number;
  /** The process's name in its last log line. */
  readonly name: string;
  readonly log: { error(fields: object, message: string): void };
}

/** What the thread is given. */
export interface WatchdogData {
  /** One number, moved on by the main thread. */
  readonly beats: SharedArrayBuffer;
  /** Looks without a beat after which the process is ended. */
  readonly missedMax: number;
  readonly lookMs: number;
  readonly name: string;
}

/** @returns what ends the watch */
export function startWatchdog({ afterMs, name, log }: WatchdogOptions): () => void {
  if (afterMs === 0) return () => undefined;
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const beat = new Int32Array(beats);
  const missedMax = Math.ceil(afterMs / LOOK_MS);
  const workerData: WatchdogData = { beats, missedMax, lookMs: LOOK_MS, name };
  // This file is TypeScript in tests and JavaScript once it is built; so is the thread's.
  const script = new URL(`watchdog-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(script, {
    workerData,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
  });
  thread.unref();
  const timer = setInterval(() => Atomics.add(beat, 0, 1), LOOK_MS);
  timer.unref();
  const stop = (): void => {
    clearInterval(timer);
    void thread.terminate();
  };
  thread.on('error', (error) => {
    log.error({ err: toError(error) }, 'the watchdog failed; the worker goes on without it');
    stop();
  });
  return stop;
}
