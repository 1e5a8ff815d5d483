import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Tokens of one short text. */
export type CountText = (text: string) => number;

/** Texts to be counted, and tokens that are known already. */
export type Countable = string | number;

/**
 * Texts are counted, and remembered, in pieces of so many characters: a text that has grown is
 * counted from where it has.
 */
const PIECE_CHARACTERS = 2_048;
/** Of a text without a space: the tokenizer takes time in the square of it. */
const WORD_CHARACTERS = 256;
/** How long counting keeps the event loop from other runs, but for one piece. */
const STRETCH_MS = 4;
/** Pieces remembered, by digest: about 4 MB for 67 million characters. */
const KNOWN_MAX = 32_768;
/** Words that the tokenizer remembers: it takes twice the time without. */
const WORDS_MAX = 10_000;

interface Job {
  readonly groups: Iterator<Iterable<Countable>>;
  readonly sums: number[];
  /** What is left of the present group. */
  rest: Iterator<Countable> | undefined;
  /** What is left of the present text. */
  text: string;
  left: number;
  readonly signal: AbortSignal;
  readonly resolve: (sums: readonly number[]) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Counts tokens for all runs of a worker.
 *
 * - T1: whatever is counted, and for however many runs, the event loop is free again after
 *   {@link STRETCH_MS} and one piece. Runs take turns, a piece each.
 * - T2: no texts are kept, only digests of pieces, and rare words; a bounded number of both.
 * - T3: the tokenizer is loaded when something is counted for the first time.
 * - T4: what counting one run's texts throws ends that count, and no other.
 */
export class TokenCounter {
  readonly #load: () => Promise<CountText>;
  readonly #known = new Map<string, number>();
  readonly #jobs: Job[] = [];
  #tokenizer: CountText | undefined;
  #pumping = false;

  constructor(load: () => Promise<CountText> = loadTokenizer) {
    this.#load = load;
  }

  /**
   * The tokens of each group, in order. It stops when all together are more than `most`: the last
   * sum is then too small, and groups that follow have none.
   * @throws the signal's reason; what the groups or the tokenizer throw
   */
  async count(
    groups: Iterable<Iterable<Countable>>,
    most: number,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
    const iterator = groups[Symbol.iterator]();
    const rest = undefined;
    this.#jobs.push({
      groups: iterator,
      sums: [],
      rest,
      text: '',
      left: most,
      signal,
      resolve,
      reject,
    });
    // An abort is noticed at once, and the job is dropped when its turn comes.
    const aborted = (): void => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    void this.#pump();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', aborted);
    }
  }

  /** T1 */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      this.#tokenizer ??= await this.#load();
      while (this.#jobs.length > 0) {
        await nextTurn();
        const untilMs = performance.now() + STRETCH_MS;
        do this.#next(this.#tokenizer);
        while (this.#jobs.length > 0 && performance.now() < untilMs);
      }
    } catch (thrown) {
      for (const job of this.#jobs.splice(0)) job.reject(thrown);
    } finally {
      this.#pumping = false;
    }
  }

  #next(tokenizer: CountText): void {
    const job = this.#jobs.shift();
    if (job === undefined || job.signal.aborted) return;
    try {
      if (this.#advance(job, tokenizer)) this.#jobs.push(job);
      else job.resolve(job.sums);
    } catch (thrown) {
      // T4
      job.reject(thrown);
    }
  }

  /** Counts one piece. False: it was the last. */
  #advance(job: Job, tokenizer: CountText): boolean {
    if (job.text === '') {
      const next = job.rest?.next();
      if (next === undefined || next.done === true) return nextGroup(job);
      if (typeof next.value === 'number') return add(job, next.value);
      job.text = next.value;
      if (job.text === '') return true;
    }
    const end = pieceEnd(job.text, PIECE_CHARACTERS);
    const piece = job.text.slice(0, end);
    job.text = job.text.slice(end);
    return add(job, this.#tokensOf(piece, tokenizer));
  }

  #tokensOf(piece: string, tokenizer: CountText): number {
    const digest = hash('sha1', piece, 'base64');
    const known = this.#known.get(digest);
    // The one used longest ago goes first.
    this.#known.delete(digest);
    const tokens = known ?? countPiece(piece, tokenizer);
    this.#known.set(digest, tokens);
    if (this.#known.size > KNOWN_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return tokens;
  }
}

function nextGroup(job: Job): boolean {
  const { done, value } = job.groups.next();
  if (done === true) return false;
  job.rest = value[Symbol.iterator]();
  job.sums.push(0);
  return true;
}

function add(job: Job, tokens: number): boolean {
  const last = job.sums.length - 1;
  job.sums[last] = (job.sums[last] ?? 0) + tokens;
  job.left -= tokens;
  return job.left >= 0;
}

function countPiece(piece: string, tokenizer: CountText): number {
  let tokens = 0;
  for (let rest = piece; rest !== '';) {
    const end = pieceEnd(rest, WORD_CHARACTERS);
    tokens += tokenizer(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return tokens;
}

/** Before a space, with which a token begins; else anywhere, which may cost a token more. */
function pieceEnd(text: string, most: number): number {
  if (text.length <= most) return text.length;
  const space = text.lastIndexOf(' ', most);
  return space > most / 2 ? space : most;
}

/**
 * OpenAI's o200k. Its ranks take 145 ms of a core and 60 MB: a worker whose agents need none never
 * loads them. What looks like a special token is text, as it is for providers.
 */
async function loadTokenizer(): Promise<CountText> {
  const { countTokens, setMergeCacheSize } = await import('gpt-tokenizer/encoding/o200k_base');
  setMergeCacheSize(WORDS_MAX);
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => countTokens(text, options);
}
