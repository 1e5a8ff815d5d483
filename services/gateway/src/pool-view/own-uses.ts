import type { OwnUse, Viewer } from './views.ts';

export interface OwnUsesOptions {
  /** Requests of an account in a pool, queued and running, over all gateways. */
  readonly read: (pool: string, account: string) => Promise<number>;
  /** Most of an account whose own limits do not say. */
  readonly maxOutstanding: number;
  readonly now?: () => number;
}

interface Reading {
  readonly askedAtMs: number;
  readonly outstanding: Promise<number | undefined>;
}

/** However many streams look at once. */
const FRESH_MS = 200;
const READINGS_MAX = 1_000;

/**
 * What callers have in the pools, as the queue's server counts it: one question for each account
 * and pool in {@link FRESH_MS} at most, whoever looks.
 */
export class OwnUses {
  readonly #options: OwnUsesOptions;
  readonly #readings = new Map<string, Reading>();

  constructor(options: OwnUsesOptions) {
    this.#options = options;
  }

  /** Undefined while the queue cannot be reached. Never rejects. */
  async of({ account, maxOutstanding }: Viewer, pool: string): Promise<OwnUse | undefined> {
    const outstanding = await this.#reading(pool, account).outstanding;
    if (outstanding === undefined) return undefined;
    return { outstanding, maxOutstanding: maxOutstanding ?? this.#options.maxOutstanding };
  }

  #reading(pool: string, account: string): Reading {
    const { now = () => performance.now(), read } = this.#options;
    const key = JSON.stringify([pool, account]);
    const known = this.#readings.get(key);
    if (known !== undefined && now() - known.askedAtMs < FRESH_MS) return known;
    const reading = {
      askedAtMs: now(),
      outstanding: read(pool, account).catch(() => undefined),
    };
    this.#readings.delete(key);
    this.#readings.set(key, reading);
    if (this.#readings.size > READINGS_MAX) {
      for (const oldest of this.#readings.keys()) {
        this.#readings.delete(oldest);
        break;
      }
    }
    return reading;
  }
}
