import { SwitchboardError } from '@switchboard/contract';

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

function invalid(param: string, problem: string): SwitchboardError {
  return new SwitchboardError('invalid_request', `\`${param}\` ${problem}.`, { param });
}
