import { SwitchboardError } from '@switchboard/contract';

/**
 * What a caller is told of anything that was thrown. Expected failures say it themselves; the rest
 * is `internal_error` with the request id and no word of what happened, which is for the log.
 */
export function toPublicError(thrown: unknown, requestId: string): SwitchboardError {
  if (thrown instanceof SwitchboardError) return thrown;
  if (thrown instanceof RangeError && thrown.message === 'Maximum call stack size exceeded') {
    // JSON is read without recursion but written with it: what came in may not go out again.
    return new SwitchboardError('invalid_request', 'The request body is nested too deeply.');
  }
  return new SwitchboardError(
    'internal_error',
    `Something failed inside the gateway. Name the request id ${requestId} when you report it.`,
    { cause: thrown },
  );
}
