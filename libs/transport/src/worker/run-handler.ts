/** Letting the agent answer: what it yields is written down until it ends or is stopped. */
import {
  isEnd,
  type RunEnd,
  type RunEvent,
  type RunRequest,
  SwitchboardError,
  toError,
} from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep } from '../link/nats-link.ts';
import type { RunContext } from './run-context.ts';
import { failed } from './run-ends.ts';
import type { RunLog } from './run-log.ts';

/** The Nest handler as it comes out of the framework: the generator itself, perhaps promised. */
export type AgentHandler = (
  request: RunRequest,
  context: RunContext,
) => Promise<AsyncIterable<RunEvent>> | AsyncIterable<RunEvent>;

export interface HandlerOptions {
  readonly handler: AgentHandler;
  /** Gets what is left of a handler that did not end when it was told to. It never rejects. */
  readonly abandon: (handler: Promise<unknown>) => void;
  readonly log: TransportLog;
}

/**
 * How long a handler may go on once its run was stopped, before its slot is taken from it. Longer
 * than the 5 s that the agent worker gives a module: it knows better what it leaves behind.
 */
export const STOP_GRACE_MS = 7_000;

/**
 * Runs the handler to its end. Never throws. @returns undefined when `context.signal` stopped it:
 * what it does after that counts for nothing. One that does not heed the signal is left to itself
 * after {@link STOP_GRACE_MS}: nothing that JavaScript offers can end it.
 */
export async function runHandler(
  options: HandlerOptions,
  request: RunRequest,
  context: RunContext,
  runLog: RunLog,
): Promise<RunEnd | undefined> {
  const { signal } = context;
  if (signal.aborted) return undefined;
  const ended = new AbortController();
  const end = readEvents(options, request, context, runLog).finally(() => ended.abort());
  // One race for the run, not one for each event.
  const first = await Promise.race([end, graceOver(signal, ended.signal)]);
  if (first !== GRACE_OVER) return first;
  options.abandon(end);
  return undefined;
}

async function readEvents(
  { handler, log }: HandlerOptions,
  request: RunRequest,
  context: RunContext,
  runLog: RunLog,
): Promise<RunEnd | undefined> {
  const { signal, run, requestId } = context;
  try {
    const events = await handler(request, context);
    for await (const event of events) {
      if (isEnd(event)) return event;
      if (signal.aborted) return undefined;
      const room = runLog.emit(event, signal);
      if (room !== undefined) await room;
    }
    throw new SwitchboardError('internal_error', 'The agent stopped without an end.');
  } catch (error) {
    if (signal.aborted) return undefined;
    if (error instanceof SwitchboardError) return failed(error);
    log.error({ run, requestId, err: toError(error) }, 'the agent threw');
    return failed(new SwitchboardError('internal_error', 'The agent failed unexpectedly.'));
  }
}

const GRACE_OVER = Symbol('grace over');

/** Resolves {@link STOP_GRACE_MS} after `stopped`, or never when `ended` comes first. */
function graceOver(stopped: AbortSignal, ended: AbortSignal): Promise<typeof GRACE_OVER> {
  return new Promise((resolve) => {
    const wait = async (): Promise<void> => {
      await abortableSleep(STOP_GRACE_MS, ended);
      if (!ended.aborted) resolve(GRACE_OVER);
    };
    const onStop = (): void => void wait();
    if (stopped.aborted) onStop();
    stopped.addEventListener('abort', onStop, { once: true });
    ended.addEventListener('abort', () => stopped.removeEventListener('abort', onStop), {
      once: true,
    });
  });
}
