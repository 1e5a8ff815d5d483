/**
 * Storing the end of a run from the worker that ran it.
 *
 * - E1 the end is stored once, and only while this attempt's claim is the last one: it is compared
 *   against claims and end alone, so no late event of anybody can make it pass.
 * - E2 what was said before the end is stored before it is. If the claim has run out, it is taken
 *   up again first, by one compare-and-set with the last message of anybody.
 * - E3 in an emptied log an end is stored only under a claim that has not run out: whoever was
 *   frozen for as long as the log keeps anything does not know what happened meanwhile.
 */
import { runEnd, runEvents, runState } from '@switchboard/contract';
import { readState } from '../events/log-state.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { store, StoreError } from '../link/store.ts';
import type { EventWindow } from './event-window.ts';

/**
 * What became of an end.
 * - `stored`: it is the run's.
 * - `ended`: the run has another one.
 * - `lost`: somebody else has the run, or may have: its request is not ours to acknowledge.
 */
export type EndOutcome = 'stored' | 'ended' | 'lost';

/** What came after the claim: an end, somebody's later claim, or nothing. */
type Fate = EndOutcome | 'again' | { readonly lastSeq: number };

export interface EndingOptions {
  readonly run: string;
  /** What was said before the end. */
  readonly window: EventWindow;
  /** The text of a sign of life. */
  readonly heartbeat: () => string;
  /** Sequence of the claim that the end is written against. */
  readonly claimSeq: number;
}

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
const ANSWER_TIMEOUT_MS = 2_000;

export class RunEnding {
  readonly #link: NatsLink;
  readonly #options: EndingOptions;
  #claimSeq: number;

  constructor(link: NatsLink, options: EndingOptions) {
    this.#link = link;
    this.#options = options;
    this.#claimSeq = options.claimSeq;
  }

  /**
   * Stores the message of the end. Tries for as long as `signal` lets it: a worker that lives never
   * gives up an end. Rejects with the reason of the abort.
   */
  async store(data: string, signal: AbortSignal): Promise<EndOutcome> {
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)) {
      signal.throwIfAborted();
      const outcome = await this.#try(data);
      if (outcome !== 'again') return outcome;
      await abortableSleep(delayMs, signal);
    }
  }

  async #try(data: string): Promise<EndOutcome | 'again'> {
    const { run, window, heartbeat } = this.#options;
    await window.quiet();
    if (!this.#link.connected) return 'again';
    if (!window.isEmpty) {
      const taken = window.isLost ? await this.#takeUp(data) : 'ours';
      if (taken !== 'ours') return taken;
      if (!(await window.confirm(heartbeat))) return 'again';
    }
    try {
      const options = { expectedLast: this.#claimSeq, filter: runState(run) };
      await store(this.#link, runEnd(run), data, { ...options, timeoutMs: ANSWER_TIMEOUT_MS });
      return 'stored';
    } catch (error) {
      const failure = error instanceof StoreError ? error.failure : 'refused';
      if (failure !== 'conflict' && failure !== 'unknown') return 'again';
    }
    const fate = await this.#fate(data);
    return typeof fate === 'object' ? 'again' : fate;
  }

  /** E2. */
  async #takeUp(data: string): Promise<EndOutcome | 'again' | 'ours'> {
    const { run, window } = this.#options;
    const fate = await this.#fate(data);
    if (typeof fate !== 'object') return fate;
    return (await window.takeUp(fate.lastSeq, runEvents(run))) ? 'ours' : 'again';
  }

  /** What the log says of the run; `data` tells our own end from another's. */
  async #fate(data: string): Promise<Fate> {
    const { run, window } = this.#options;
    try {
      const state = await readState(this.#link, run);
      if (state === undefined) {
        if (window.isLost) return 'lost'; // E3
        this.#claimSeq = 0; // A new server, or a claim older than all that the log keeps.
        return { lastSeq: 0 };
      }
      if (state.isEnd) return state.text === data ? 'stored' : 'ended';
      return state.seq === this.#claimSeq ? { lastSeq: state.lastSeq } : 'lost';
    } catch {
      // NATS is away: asked again after a while.
      return 'again';
    }
  }
}
