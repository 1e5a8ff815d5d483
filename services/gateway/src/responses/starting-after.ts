import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { ResponseBuilder } from './response-builder.ts';

/**
 * Where a stream that is read again begins: the last number the client has, -1 for the beginning.
 * Undefined when no stream is asked for. @throws SwitchboardError `invalid_request`
 */
export function startingAfter(query: unknown): number | undefined {
  const { stream, starting_after: after } = query as Record<string, unknown>;
  if (stream === undefined || stream === 'false') {
    if (after === undefined) return undefined;
    throw invalid('starting_after', 'is only allowed with `stream=true`');
  }
  if (stream !== 'true') throw invalid('stream', 'must be `true` or `false`');
  if (after === undefined) return -1;
  if (typeof after === 'string' && /^\d{1,9}$/.test(after)) return Number(after);
  throw invalid('starting_after', 'must be the `sequence_number` of an event');
}

/**
 * Refuses a beginning after the last event of a response that has ended; `events`: of its run.
 * Without them it goes on, and the stream says so itself when it ends.
 * @throws SwitchboardError `invalid_request`
 */
export function refuseBeyondEnd(
  builder: ResponseBuilder,
  events: readonly RunEvent[] | undefined,
  after: number,
): void {
  if (events === undefined) return;
  const all = [...builder.opening(), ...events.flatMap((event) => builder.take(event))];
  const last = all.at(-1)?.sequence_number ?? 0;
  if (after <= last) return;
  throw invalid('starting_after', `must be at most ${last}, the number of the last event`);
}

function invalid(param: string, problem: string): SwitchboardError {
  return new SwitchboardError('invalid_request', `\`${param}\` ${problem}.`, { param });
}
