/** Whether the runs of a worker that was stopped for long, and went on, kept the promises. */
import type { FinalResponse, ReadEvent, ResponseReader } from './response-reader.ts';
import type { ModelCall } from './simulator-log.ts';
import { difference } from './words.ts';

/** What becomes of a run whose worker has stopped. */
export type Fate = 'fails' | 'restarts' | 'is taken over';

export interface StoppedRun {
  /** Its `x-request-id`. */
  readonly id: string;
  readonly fate: Fate;
  /** What the model says. */
  readonly text: string;
  /** Those who were there the whole time. */
  readonly live: readonly Reading[];
  /** Those who came when everything was over. */
  readonly later: readonly Reading[];
  /** As every gateway tells it at last. */
  readonly finals: readonly FinalResponse[];
}

/** What is judged of a reader. */
export type Reading = Pick<ResponseReader, 'events' | 'text' | 'final' | 'problem'>;

const ENDS = new Set(['response.completed', 'response.failed', 'response.incomplete']);
const TAKEOVER_MAX_MS = 25_000;

export function problemsOf(run: StoppedRun, calls: readonly ModelCall[], stoppedAtMs: number) {
  const problems = [
    ...run.live.flatMap((reading, index) => readingProblems(run, reading, `reader ${index + 1}`)),
    ...run.later.flatMap((reading) => readingProblems(run, reading, 'a later reader')),
    ...sameStory(run.live),
    ...run.finals.flatMap((final) => endProblems(run, final, textOf(final), 'GET')),
    ...callProblems(run, calls, stoppedAtMs),
  ];
  return problems.map((problem) => `run ${run.id}, which ${run.fate}: ${problem}`);
}

function readingProblems(run: StoppedRun, reading: Reading, who: string): string[] {
  const { events, final, problem, text } = reading;
  if (problem !== undefined) return [`${who} was cut off: ${problem}`];
  const ends = events.filter(({ type }) => ENDS.has(type));
  if (ends.length !== 1) return [`${who} got ${ends.length} ends: ${ends.map(nameOf).join(', ')}`];
  const problems: string[] = [];
  const last = events.at(-1);
  if (last !== ends[0]) problems.push(`${who} got ${last?.type} after the end`);
  const gap = events.findIndex(({ sequence_number: number }, index) => number !== index);
  if (gap >= 0) problems.push(`${who} got event ${events[gap]?.sequence_number} as number ${gap}`);
  return [...problems, ...endProblems(run, final, text, who)];
}

function endProblems(
  { fate, text: expected }: StoppedRun,
  final: FinalResponse | undefined,
  text: string,
  who: string,
): string[] {
  const end = `${final?.status} ${final?.error?.code ?? ''}`.trim();
  if (fate === 'fails') {
    if (end !== 'failed worker_lost') return [`${who} was told ${end}`];
    return expected.startsWith(text) ? [] : [`${who} read ${difference(expected, text)}`];
  }
  if (end !== 'completed') return [`${who} was told ${end}`];
  return text === expected ? [] : [`${who} read ${difference(expected, text)}`];
}

/** Readers who were there together were given the same, event by event. */
function sameStory([first, ...others]: readonly Reading[]): string[] {
  const story = (reading: Reading | undefined): string => {
    const told = reading?.events.map(({ delta = '', sequence_number: number, type }) => {
      return `${number} ${type} ${delta}`;
    });
    return told?.join('\n') ?? '';
  };
  const different = others.filter((other) => story(other) !== story(first));
  return different.map((other) => `two readers differ: ${difference(story(first), story(other))}`);
}

function callProblems({ fate }: StoppedRun, calls: readonly ModelCall[], stoppedAtMs: number) {
  const expected = fate === 'fails' ? 1 : 2;
  if (calls.length !== expected) {
    return [`the model was asked ${calls.length} times, not ${expected}`];
  }
  const problems: string[] = [];
  if (calls[0]?.outcome === 'running') problems.push('its first call was never given up');
  const takeoverMs = takeoverOf(calls, stoppedAtMs) ?? 0;
  if (takeoverMs > TAKEOVER_MAX_MS) problems.push(`taken over after ${takeoverMs.toFixed(0)} ms`);
  return problems;
}

/** From the stop to the call of the worker that took over; undefined when there is none. */
export function takeoverOf(calls: readonly ModelCall[], stoppedAtMs: number): number | undefined {
  const [, second] = calls;
  return second === undefined ? undefined : second.startedAtMs - stoppedAtMs;
}

function textOf({ output }: FinalResponse): string {
  const pieces = output.flatMap(({ content }) => content ?? []).map(({ text }) => text ?? '');
  return pieces.join('');
}

function nameOf({ sequence_number: number, type }: ReadEvent): string {
  return `${number} ${type}`;
}
