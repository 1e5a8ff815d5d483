import { ERROR_CODES } from '@switchboard/contract';
import type { Reply } from './send.ts';

/** As they are sent: OpenAI's word where it has one. */
const DOCUMENTED: ReadonlySet<string> = new Set([...ERROR_CODES, 'server_is_overloaded']);

export interface Verdict {
  /** For the table: `400 invalid_request`, `200`, `no answer`. */
  readonly label: string;
  readonly problem: string | undefined;
}

/** What a reply is, and what is wrong with it. */
export function judge({ end, text }: Reply): Verdict {
  if (end === 'hung') return { label: 'hung', problem: 'neither answered nor closed' };
  if (text === '') return { label: 'no answer', problem: undefined };
  const interim = /^(HTTP\/1\.1 1\d\d [^\r]*\r\n\r\n)+/.exec(text)?.[0] ?? '';
  const answer = text.slice(interim.length);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? NaN);
  if (Number.isNaN(status)) return { label: 'not HTTP', problem: 'the answer is not HTTP' };
  const code = errorCode(answer);
  const label = code === undefined ? String(status) : `${status} ${code}`;
  return { label, problem: problemOf(status, code, answer) };
}

function problemOf(status: number, code: string | undefined, answer: string): string | undefined {
  const [head = ''] = answer.split('\r\n\r\n', 1);
  if (code === 'internal_error') return 'an unforeseen failure';
  if (code !== undefined && !DOCUMENTED.has(code)) return `the undocumented code ${code}`;
  if (status >= 500 && code === undefined) return `${status} without a code`;
  if (/\r\nx-injected:/i.test(head)) return 'a header that the request wrote';
  if (/node_modules|\bat \S+ \(.*:\d+:\d+\)/.test(answer)) return 'the inside of the gateway';
  return undefined;
}

/** Of an error object, or of the last event of a stream. */
function errorCode(answer: string): string | undefined {
  // Only in the shape of an error: an answer of the model may say anything.
  const error = /\{"error":\{.*?"code":"(\w+)"\}\}/s.exec(answer)?.[1];
  return error ?? /\nevent: error\n.*?"code":"(\w+)"/s.exec(answer)?.[1];
}
