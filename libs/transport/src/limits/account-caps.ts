/**
 * A bound on the requests of several callers together: all the users that one key acts for. What
 * is counted are the messages in the queue, so there is nothing that could leak.
 *
 * - K1 a request is stored only while fewer than the bound are there: it carries the sequence of
 *   the account's last message, which was read before they were counted, and the server refuses it
 *   when another one has been stored since. What goes meanwhile only makes room.
 * - K2 nobody is refused but by a count that was made after they came.
 *
 * K1 holds if every request of the account is stored through here, by every gateway.
 */
import { SwitchboardError } from '@switchboard/contract';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { api, type Stored, StoreError, type StoreOptions } from '../link/store.ts';

export interface AccountBound {
  readonly stream: string;
  /** The subjects of all requests of the account, with wildcards for the rest. */
  readonly filter: string;
  /** Most requests of the account, queued and running. */
  readonly most: number;
}

/** Stores one request with these options besides its own. @throws StoreError */
export type StoreOne = (
  expected: Required<Pick<StoreOptions, 'expectedLast' | 'filter'>>,
) => Promise<Stored>;

interface Waiting {
  readonly most: number;
  readonly storeOne: StoreOne;
  readonly settle: PromiseWithResolvers<Stored>;
  conflicts: number;
}

/** Of an account: the sequence of its last message, and how many there are at most. */
interface Known {
  readonly last: number;
  readonly count: number;
}

/** Somebody else's request goes through with each conflict, so that they end. */
const CONFLICTS_MAX = 200;
const PAUSE_MAX_MS = 3;
const ANSWER_TIMEOUT_MS = 2_000;
const RETRY_AFTER_MS = 2_000;
const NEVER = new AbortController().signal;

export class AccountCaps {
  readonly #link: NatsLink;
  /** Accounts with requests on their way; an entry goes with the last of them. */
  readonly #accounts = new Map<string, Account>();

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /**
   * Calls `storeOne` when the account has room, again when somebody was faster.
   * @throws SwitchboardError `too_many_outstanding`
   * @throws StoreError what `storeOne` threw, or the count
   */
  async store({ stream, filter, most }: AccountBound, storeOne: StoreOne): Promise<Stored> {
    const id = `${stream} ${filter}`;
    const account = this.#accounts.get(id) ?? new Account(this.#link, stream, filter);
    this.#accounts.set(id, account);
    try {
      return await account.store(most, storeOne);
    } finally {
      if (account.idle) this.#accounts.delete(id);
    }
  }
}

/** One account: its requests are stored one after the other. */
class Account {
  readonly #link: NatsLink;
  readonly #stream: string;
  readonly #filter: string;
  readonly #queue: Waiting[] = [];
  #known: Known | undefined;
  #isRunning = false;

  constructor(link: NatsLink, stream: string, filter: string) {
    this.#link = link;
    this.#stream = stream;
    this.#filter = filter;
  }

  get idle(): boolean {
    return this.#queue.length === 0;
  }

  store(most: number, storeOne: StoreOne): Promise<Stored> {
    const settle = Promise.withResolvers<Stored>();
    this.#queue.push({ most, storeOne, settle, conflicts: 0 });
    void this.#run();
    return settle.promise;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let [next] = this.#queue; next !== undefined; [next] = this.#queue) {
      const waiting = this.#queue.length;
      try {
        // What was stored from here is known without asking; what has gone since is not.
        const isCounted = this.#known === undefined || this.#known.count >= next.most;
        const known = isCounted ? await this.#count() : this.#known;
        if (known !== undefined && known.count < next.most) await this.#storeNext(next, known);
        else this.#refuse(waiting, known?.count ?? 0);
      } catch (error) {
        this.#known = undefined;
        this.#take(next).settle.reject(error);
      }
    }
    this.#isRunning = false;
  }

  async #storeNext(next: Waiting, { last, count }: Known): Promise<void> {
    this.#known = undefined;
    try {
      const stored = await next.storeOne({ expectedLast: last, filter: this.#filter });
      this.#known = { last: stored.seq, count: count + 1 };
      this.#take(next).settle.resolve(stored);
    } catch (error) {
      next.conflicts += 1;
      if (!isConflict(error) || next.conflicts > CONFLICTS_MAX) throw error;
      // Two gateways that meet would go on meeting.
      if (next.conflicts > 1) await abortableSleep(Math.random() * PAUSE_MAX_MS, NEVER);
    }
  }

  /** K2: those who came before the count was made. */
  #refuse(waiting: number, count: number): void {
    for (const each of this.#queue.slice(0, waiting)) {
      if (each.most <= count) this.#take(each).settle.reject(tooMany(each.most));
    }
  }

  #take(one: Waiting): Waiting {
    this.#queue.splice(this.#queue.indexOf(one), 1);
    return one;
  }

  /** K1: the last one first, then the number, never both at once. */
  async #count(): Promise<Known> {
    const last = await this.#last();
    const body = { subjects_filter: this.#filter };
    const info = await api(this.#link, `STREAM.INFO.${this.#stream}`, body, ANSWER_TIMEOUT_MS);
    const { state } = info as { state?: { subjects?: Record<string, number> } };
    return { last, count: Object.keys(state?.subjects ?? {}).length };
  }

  async #last(): Promise<number> {
    const call = `STREAM.MSG.GET.${this.#stream}`;
    try {
      const answer = await api(this.#link, call, { last_by_subj: this.#filter }, ANSWER_TIMEOUT_MS);
      return (answer as { message?: { seq?: number } }).message?.seq ?? 0;
    } catch (error) {
      const isNone = error instanceof StoreError && error.failure === 'not_found';
      if (isNone && !error.message.includes('stream')) return 0;
      throw error;
    }
  }
}

/** Replicas also say it, in other words, while another one is on its way. */
function isConflict(error: unknown): boolean {
  if (!(error instanceof StoreError)) return false;
  return error.failure === 'conflict' || error.message === 'wrong last sequence';
}

function tooMany(most: number): SwitchboardError {
  return new SwitchboardError(
    'too_many_outstanding',
    `Your key has ${most} requests waiting or running for its users, which is the most allowed. ` +
      'Wait for one of them to end.',
    { retryAfterMs: RETRY_AFTER_MS },
  );
}
