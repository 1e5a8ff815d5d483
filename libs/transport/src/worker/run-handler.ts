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
  readonly log: TransportLog;
}

/**
 * Runs the handler to its end. Never throws. @returns undefined when `context.signal` stopped it:
 * what it does after that counts for nothing.
 */
export async function runHandler(
  { handler, log }: HandlerOptions,
  request: RunRequest,
  context: RunContext,
  runLog: RunLog,
): Promise<RunEnd | undefined> {
  const { signal, run, requestId } = context;
  if (signal.aborted) return undefined;
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
