/** What every refusal must say, and how calls are told to whoever reads a verdict. */
import type { ChatOutcome } from './chat-call.ts';

/** The SDKs ignore a longer one. */
const RETRY_AFTER_MAX_SECONDS = 60;

/** What is wrong with a 429 or 503; undefined: nothing. */
export function refusalProblem(call: ChatOutcome): string | undefined {
  const seconds = Number(call.retryAfter ?? NaN);
  const milliseconds = Number(call.retryAfterMs ?? NaN);
  const isWhole = Number.isInteger(seconds) && seconds >= 1 && seconds <= RETRY_AFTER_MAX_SECONDS;
  if (!isWhole) return `${callText(call)}: retry-after ${call.retryAfter}`;
  const isWithin = milliseconds > (seconds - 1) * 1_000 && milliseconds <= seconds * 1_000;
  if (!isWithin) return `${callText(call)}: ${call.retryAfterMs} ms, but ${call.retryAfter} s`;
  return call.shouldRetry === 'true' ? undefined : `${callText(call)}: no x-should-retry`;
}

export function callText({ code, endedAtMs, sentAtMs, status, user }: ChatOutcome): string {
  const answer = status === 0 ? 'no answer' : `${status} ${code ?? ''}`.trim();
  return `${user}: ${answer} after ${Math.round(endedAtMs - sentAtMs)} ms`;
}

/** How many ended how: `812 x 200, 40 x 503 server_is_overloaded`. */
export function outcomeText(calls: readonly ChatOutcome[]): string {
  const groups = Map.groupBy(calls, ({ code, status }) => `${status} ${code ?? ''}`.trim());
  const names = [...groups.keys()].toSorted((one, other) => (one < other ? -1 : 1));
  const texts = names.map((name) => `${groups.get(name)?.length ?? 0} x ${name}`);
  return texts.length === 0 ? 'none' : texts.join(', ');
}
