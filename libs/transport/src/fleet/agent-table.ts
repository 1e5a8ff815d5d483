/**
 * Which agents workers have, as this gateway hears it.
 *
 * - A1 an agent is known while a worker says that it has it, and {@link GRACE_MS} longer: when its
 *   only worker starts anew, its callers wait, and are not told that there is no such agent.
 * - A2 who could not hear does not judge, as with workers.
 * - A3 an agent is of one pool. Of several whose workers say that they have one of its name it is
 *   the pool whose name is first; the others are told to the log once. Who said it earlier does not
 *   count, so that all gateways come to the same pool, whenever each of them began to listen. One
 *   whose last worker has just gone counts {@link SAID_MS} longer where it was heard.
 * - A4 of several versions in one pool the youngest worker's counts, as long as it says so.
 * - A5 it holds a bounded number of agents. When it is full, the ones it knows stay.
 */
import {
  AGENTS_BEATS,
  type AgentCard,
  type AgentProfile,
  FLEET_BEAT_MS,
  profileOf,
  type WorkerWord,
} from '@switchboard/contract';

export interface AgentTableOptions {
  /** A monotonic clock, milliseconds. */
  readonly now?: (() => number) | undefined;
  readonly max?: number | undefined;
  /** A pool has an agent that is another pool's. */
  readonly onTaken: (agent: string, pool: string, holder: string) => void;
}

/** One pool's word that it has an agent. */
interface Claim {
  readonly pool: string;
  heardAtMs: number;
  /** Whether a worker says it now; if not, it is in its grace. */
  said: boolean;
  card: AgentCard;
  /** The start of the worker that said the card, and when it was heard last. */
  cardFromMs: number;
  cardHeardAtMs: number;
  told: boolean;
}

const GRACE_MS = 300_000;
/** What was not repeated for so long is not said any more, be it an agent or a card of it. */
const SAID_MS = 3 * AGENTS_BEATS * FLEET_BEAT_MS;
const STOOD_STILL_MS = 2_000;
const AGENTS_MAX = 4_096;

export class AgentTable {
  readonly #options: AgentTableOptions;
  readonly #now: () => number;
  readonly #max: number;
  /** By name, then by pool. */
  readonly #claims = new Map<string, Map<string, Claim>>();
  #size = 0;
  #profiles: readonly AgentProfile[] | undefined;
  #connected = false;
  #listeningSinceMs = -Infinity;
  #tickedAtMs: number;

  constructor(options: AgentTableOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#max = options.max ?? AGENTS_MAX;
    this.#tickedAtMs = this.#now();
  }

  /** The same array as long as nothing is another, in the order of names. */
  get profiles(): readonly AgentProfile[] {
    this.#profiles ??= [...this.#claims]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([, claims]) => {
        const holder = holderOf(claims);
        return holder === undefined ? [] : [profileOf(holder.card, holder.pool)];
      });
    return this.#profiles;
  }

  /** @returns whether there was room for all of its agents. */
  hear({ agents = [], pool, startedAtMs }: WorkerWord): boolean {
    let fits = true;
    for (const card of agents) {
      const claims = this.#claims.get(card.name) ?? new Map<string, Claim>();
      const claim = claims.get(pool);
      if (claim === undefined && this.#size >= this.#max) {
        fits = false;
        continue;
      }
      if (claim === undefined) this.#add(claims, card, { pool, startedAtMs });
      else this.#renew(claim, card, startedAtMs);
      this.#tell(card.name, claims);
    }
    return fits;
  }

  up(): void {
    this.#connected = true;
    this.#listeningSinceMs = this.#now();
  }

  down(): void {
    this.#connected = false;
  }

  /** To be called at least every second. */
  tick(): void {
    const now = this.#now();
    if (now - this.#tickedAtMs > STOOD_STILL_MS) this.#listeningSinceMs = now;
    this.#tickedAtMs = now;
    if (!this.#connected) return;
    for (const [name, claims] of this.#claims) {
      for (const [pool, claim] of claims) {
        const silentMs = now - Math.max(claim.heardAtMs, this.#listeningSinceMs);
        if (silentMs > SAID_MS) this.#setSaid(claim, false);
        if (silentMs <= GRACE_MS) continue;
        claims.delete(pool);
        this.#size -= 1;
        this.#profiles = undefined;
      }
      if (claims.size === 0) this.#claims.delete(name);
    }
  }

  #add(
    claims: Map<string, Claim>,
    card: AgentCard,
    { pool, startedAtMs }: Pick<WorkerWord, 'pool' | 'startedAtMs'>,
  ): void {
    const now = this.#now();
    claims.set(pool, {
      pool,
      heardAtMs: now,
      said: true,
      card,
      cardFromMs: startedAtMs,
      cardHeardAtMs: now,
      told: false,
    });
    this.#claims.set(card.name, claims);
    this.#size += 1;
    this.#profiles = undefined;
  }

  #renew(claim: Claim, card: AgentCard, startedAtMs: number): void {
    const now = this.#now();
    claim.heardAtMs = now;
    this.#setSaid(claim, true);
    const isLost = now - claim.cardHeardAtMs > SAID_MS;
    if (startedAtMs < claim.cardFromMs && !isLost) return;
    claim.cardFromMs = startedAtMs;
    claim.cardHeardAtMs = now;
    if (JSON.stringify(card) === JSON.stringify(claim.card)) return;
    claim.card = card;
    this.#profiles = undefined;
  }

  #setSaid(claim: Claim, said: boolean): void {
    if (claim.said === said) return;
    claim.said = said;
    this.#profiles = undefined;
  }

  /** A3 */
  #tell(name: string, claims: ReadonlyMap<string, Claim>): void {
    if (claims.size < 2) return;
    const holder = holderOf(claims);
    if (holder === undefined) return;
    for (const claim of claims.values()) {
      if (claim === holder || claim.told || !claim.said) continue;
      claim.told = true;
      this.#options.onTaken(name, claim.pool, holder.pool);
    }
  }
}

function holderOf(claims: ReadonlyMap<string, Claim>): Claim | undefined {
  let holder: Claim | undefined;
  for (const claim of claims.values()) {
    if (holder === undefined || isBefore(claim, holder)) holder = claim;
  }
  return holder;
}

function isBefore(one: Claim, other: Claim): boolean {
  if (one.said !== other.said) return one.said;
  return one.pool < other.pool;
}
