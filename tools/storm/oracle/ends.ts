/** Every accepted request has exactly one end in the event log, and its client saw that one. */
import { ERROR_CODES, type RunEnd } from '@switchboard/contract';

import type { ClientResult } from '../client.ts';
import type { Chat, Ledger, Run } from '../ledger.ts';
import type { Violation } from './violation.ts';

const PROMISE = 'one end';
/** Refusals: the request never became a run, or was undone because storing it was in doubt. */
const REFUSALS = new Set([
  'too_many_outstanding',
  'queue_full',
  'queue_unavailable',
  'shutting_down',
  'invalid_request',
]);

export function checkEnds(ledger: Ledger): Violation[] {
  const violations: Violation[] = [];
  for (const run of ledger.runs.values()) violations.push(...endsOf(run));
  const runs = ledger.runsByRequest();
  for (const chat of ledger.chats.values()) {
    const violation = seenOf(chat, runs.get(chat.plan.id) ?? []);
    if (violation !== undefined) violations.push(violation);
  }
  return violations;
}

function endsOf(run: Run): Violation[] {
  const at = { promise: PROMISE, run: run.run, request: run.request };
  if (run.ends.length === 1) {
    const end = run.ends[0]?.end;
    if (end?.type !== 'failed' || ERROR_CODES.includes(end.code)) return [];
    return [{ ...at, atMs: run.ends[0]?.atMs, evidence: `unknown code ${end.code}` }];
  }
  const all = run.ends.map(({ end, seq, attempt, atMs }) => {
    return `${endText(end)} (sequence ${seq}, attempt ${attempt}, ${new Date(atMs).toISOString()})`;
  });
  const claims = run.claims.map(({ attempt, worker }) => `${attempt}:${worker}`).join(' ');
  const evidence = `${run.ends.length} ends: ${all.join('; ')}; claims ${claims || 'none'}`;
  return [{ ...at, atMs: run.ends[1]?.atMs ?? run.storedAtMs, evidence }];
}

/** Whether what the client saw is the end that is stored. */
function seenOf({ plan, result, gateway }: Chat, runs: readonly Run[]): Violation | undefined {
  if (result === undefined) return undefined;
  const end = runs.at(-1)?.ends[0]?.end;
  const saw = result.outcome;
  const logged = end === undefined ? 'nothing' : endText(end);
  const wrong = (why: string): Violation => ({
    promise: PROMISE,
    atMs: result.endedAtMs,
    run: runs.at(-1)?.run,
    request: plan.id,
    evidence: `${why}; by ${gateway}, ${plan.model}; the log says ${logged}`,
  });
  if (runs.length > 1) return wrong(`${runs.length} runs for one request`);
  if (saw.kind === 'hung') return wrong('the client waited in vain');
  if (saw.kind === 'completed' && end?.type !== 'completed')
    return wrong('the client saw it whole');
  if (saw.kind === 'failed' && !failedAs(saw.code, end)) return wrong(`the client saw ${saw.code}`);
  // Whoever left, or whose connection broke, was not there to see the end.
  return undefined;
}

function failedAs(code: string, end: RunEnd | undefined): boolean {
  if (end === undefined) return REFUSALS.has(code);
  if (end.type === 'failed') return end.code === code;
  if (end.type === 'completed') return false;
  if (end.reason === 'shutdown') return code === 'shutting_down';
  // Whether it had been stored was not known: the client was refused and the run undone.
  return end.reason === 'client_gone' && code === 'queue_unavailable';
}

export function endText(end: RunEnd): string {
  if (end.type === 'failed') return end.code;
  return end.type === 'cancelled' ? `cancelled (${end.reason})` : end.type;
}

/** How a chat counts in the table. */
export function outcomeOf(result: ClientResult): string {
  return result.outcome.kind === 'failed' ? result.outcome.code : result.outcome.kind;
}
