import type { ErrorEvent } from './stream-event-schema.ts';

/**
 * The event that ends a stream whose run it does not end: the gateway drains, or cannot go on.
 *
 * @param after number of the last event that was sent. It is repeated, because the next number
 * belongs to an event of the run, which a reader who resumes must still get.
 */
export function errorEvent(after: number, error: ErrorEvent['error']): ErrorEvent {
  const { type, code, message, param } = error;
  return {
    type: 'error',
    sequence_number: after,
    code,
    message,
    param,
    error: { type, code, message, param },
  };
}
