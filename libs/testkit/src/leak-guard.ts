import { after } from 'node:test';
import { until } from './until.ts';

/**
 * What the test runner itself keeps open, or opens between two looks.
 */
const RUNNERS_OWN = ['Immediate', 'FSReqCallback', 'FSReqPromise', 'MessagePort', 'TickObject'];

export interface LeakGuardOptions {
  /** Kinds that may remain besides the runner's own, as `process.getActiveResourcesInfo` says. */
  readonly allow?: readonly string[];
  /** How long things may take to close after the last test; default 2000 ms. */
  readonly timeoutMs?: number;
}

/** After a failure the leak would keep the process alive for ever: it ends this much later (ms). */
const EXIT_AFTER_MS = 1_000;

/**
 * Fails the test file if a socket, server, timer or child process that its tests opened is still
 * open after the last one. Call it at the **end** of the file: hooks run in the order of their
 * registration, and it must come after those that close things. What is open already when it is
 * called, at the top level of the file, is not counted: open things inside tests or hooks.
 */
export function leakGuard(options: LeakGuardOptions = {}): void {
  const { timeoutMs = 2_000 } = options;
  const before = countOpen(options.allow);
  after(async () => {
    let left: string[] = [];
    try {
      await until(
        () => {
          left = leaked(before, countOpen(options.allow));
          return left.length === 0;
        },
        { what: 'everything to be closed', timeoutMs },
      );
    } catch {
      // The error of `until` says less than the list does.
      const message = `still open after the last test: ${left.join(', ')}`;
      // The runner prints its summary when nothing is open any more, which will not come.
      process.stderr.write(`${message}\n`);
      setTimeout(() => process.exit(1), EXIT_AFTER_MS).unref();
      throw new Error(message);
    }
  });
}

/** How many of each kind keep the process alive now. */
export function countOpen(allow: readonly string[] = []): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (RUNNERS_OWN.includes(kind) || allow.includes(kind)) continue;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** `['TCPSocketWrap (2)']`: what there is more of than before. */
export function leaked(
  before: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
): string[] {
  // The look itself runs under one timer, that of the deadline of `until`.
  const ownTimers = 1;
  return [...now].flatMap(([kind, count]) => {
    const own = kind === 'Timeout' ? ownTimers : 0;
    const more = count - own - (before.get(kind) ?? 0);
    return more > 0 ? [`${kind} (${more})`] : [];
  });
}
