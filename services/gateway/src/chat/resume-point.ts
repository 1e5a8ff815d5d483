import { SwitchboardError } from '@switchboard/contract';

export interface ResumePoint {
  readonly run: string;
  /** Events of it that the client has. */
  readonly after: number;
}

/**
 * What the client has already, from its `Last-Event-ID` (`<run>:<n>`); undefined: nothing.
 * @throws SwitchboardError `invalid_request`
 */
export function resumePoint(
  header: string | readonly string[] | undefined,
): ResumePoint | undefined {
  if (header === undefined || header === '') return undefined;
  const parts = typeof header === 'string' ? /^([\w-]+):(\d{1,9})$/.exec(header) : null;
  const [, run, number] = parts ?? [];
  if (run !== undefined && number !== undefined) return { run, after: Number(number) };
  throw new SwitchboardError(
    'invalid_request',
    'The header `Last-Event-ID` must be the `id` of an event of this stream.',
    { param: 'last-event-id' },
  );
}
