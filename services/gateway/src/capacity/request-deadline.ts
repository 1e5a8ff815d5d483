import { SwitchboardError } from '@switchboard/contract';

export const REQUEST_DEADLINE_HEADER = 'x-request-deadline';

const FORMAT = /^(\d{1,8}(?:\.\d{1,3})?)(ms|s)?$/;
const MAX_MS = 86_400_000;

/**
 * Within how many milliseconds the caller wants the whole answer: `30`, `30s`, `1500ms`; a number
 * alone is seconds. Undefined without the header.
 *
 * @throws SwitchboardError `invalid_request` for anything else, or beyond 1 ms to 24 hours
 */
export function requestDeadlineMs(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, amount, unit = 's'] = FORMAT.exec(String(header).trim()) ?? [];
  const milliseconds = Math.round(Number(amount) * (unit === 's' ? 1_000 : 1));
  if (milliseconds >= 1 && milliseconds <= MAX_MS) return milliseconds;
  throw new SwitchboardError(
    'invalid_request',
    `The header \`${REQUEST_DEADLINE_HEADER}\` must be seconds (\`30\` or \`30s\`) or ` +
      'milliseconds (`1500ms`) from now, at most 24 hours.',
    { param: REQUEST_DEADLINE_HEADER },
  );
}
