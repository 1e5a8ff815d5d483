/** Whether requests that end their workers cost nobody else the answer. */

/** What callers know of one request. */
export interface PoisonCall {
  readonly id: string;
  readonly agent: string;
  readonly status: number;
  /** Of its error. */
  readonly code: string | undefined;
}

/** What the agents wrote down. */
export interface JournalEntry {
  readonly what: 'begins' | 'ends';
  readonly id: string;
  readonly attempt: number;
  readonly pid: number;
  readonly atMs: number;
}

/** A worker that ended unasked. */
export interface WorkerLoss {
  readonly pid: number;
  readonly how: string;
  readonly atMs: number;
  /** When another one was ready in its place. */
  readonly backAtMs: number | undefined;
}

export interface PoisonStory {
  readonly calls: readonly PoisonCall[];
  readonly journal: readonly JournalEntry[];
  readonly losses: readonly WorkerLoss[];
  readonly deadLetters: number;
}

const ATTEMPTS_MAX = 3;
/** From this attempt on a run is alone: two workers were lost on it. */
const ALONE_FROM = 3;
const BACK_WITHIN_MS = 30_000;
export const DEADLY = ['poison/exits', 'poison/loops', 'poison/hoards'];

export function problemsOf(story: PoisonStory): string[] {
  const { calls, deadLetters, losses } = story;
  const deadly = calls.filter(({ agent }) => DEADLY.includes(agent));
  const problems = [
    ...calls.flatMap((call) => callProblems(call, story)),
    ...lossProblems(story),
    ...company(story),
  ];
  if (deadLetters !== deadly.length) {
    problems.push(`${deadLetters} dead letters of ${deadly.length} deadly requests`);
  }
  if (losses.length < deadly.length) problems.push(`only ${losses.length} workers were lost`);
  if (retried(story) === 0) problems.push('no innocent lost its worker: nothing was tried');
  return problems;
}

/** It has drained first, and nobody was lost with it. */
function isLoss({ how }: WorkerLoss): boolean {
  return how !== 'exit code 75';
}

/** Innocents that were begun again. */
export function retried({ journal }: PoisonStory): number {
  const again = journal.filter(({ id, attempt }) => attempt > 1 && !id.startsWith('poison'));
  return new Set(again.map(({ id }) => id)).size;
}

/** From the beginning of each poison to the worker that replaces its victim, milliseconds. */
export function backAfterMs({ journal, losses }: PoisonStory): number[] {
  return losses.filter(isLoss).flatMap(({ pid, backAtMs = Infinity }) => {
    const begun = journal.filter((entry) => entry.pid === pid && entry.id.startsWith('poison'));
    const last = begun.at(-1);
    return last === undefined ? [] : [backAtMs - last.atMs];
  });
}

function callProblems({ agent, code, id, status }: PoisonCall, { journal }: PoisonStory): string[] {
  const end = code ?? String(status);
  const begun = journal.filter((entry) => entry.id === id && entry.what === 'begins').length;
  const story = `${id} (${agent}) was begun ${begun} times and ended as ${end}`;
  if (begun > ATTEMPTS_MAX) return [story];
  return allowedEnds(agent).includes(end) ? [] : [story];
}

function allowedEnds(agent: string): readonly string[] {
  if (DEADLY.includes(agent)) return ['too_many_attempts'];
  if (agent === 'poison/heedless') return ['run_timeout'];
  // Only what had shown something may be lost.
  return agent === 'talking' ? ['200', 'worker_lost'] : ['200'];
}

function lossProblems(story: PoisonStory): string[] {
  const late = backAfterMs(story).filter((ms) => ms > BACK_WITHIN_MS);
  const problems = late.map((ms) => `a worker was back only ${ms} ms after its poison had begun`);
  const strange = story.losses.filter(isLoss).filter(({ pid }) => {
    return !story.journal.some((entry) => entry.pid === pid && entry.id.startsWith('poison'));
  });
  return [...problems, ...strange.map(({ how }) => `a worker without a poison was lost: ${how}`)];
}

/** Whoever was beside a run that had to be alone. */
function company({ journal, losses }: PoisonStory): string[] {
  const endOf = ({ id, pid }: JournalEntry): number => {
    const isEnd = (each: JournalEntry): boolean => {
      return each.id === id && each.pid === pid && each.what === 'ends';
    };
    const lost = losses.find((loss) => loss.pid === pid)?.atMs ?? Infinity;
    return Math.min(journal.find(isEnd)?.atMs ?? Infinity, lost);
  };
  // What heeds nothing has an end that it does not write down.
  const begun = journal.filter(({ id, what }) => what === 'begins' && !id.includes('heedless'));
  return begun.flatMap((lone) => {
    if (lone.attempt < ALONE_FROM) return [];
    const beside = begun.filter((other) => {
      const isOther = other.pid === lone.pid && other.id !== lone.id;
      return isOther && other.atMs < endOf(lone) && endOf(other) > lone.atMs;
    });
    return beside.map((other) => `${other.id} ran beside ${lone.id}, which had to be alone`);
  });
}
