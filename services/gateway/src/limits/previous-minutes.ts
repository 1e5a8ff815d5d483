import type { WindowCounters } from './caller-limits.ts';
import { MINUTE_MS } from './sliding-minute.ts';

interface Entry {
  readonly window: number;
  readonly askedAtMs: number;
  readonly total: Promise<number>;
}

/**
 * How far the clocks of gateways may differ: what is read sooner after a minute's end than this is
 * read once more.
 */
const CLOCKS_DIFFER_MS = 1_000;
/** Callers remembered; those who were looked up the longest time ago are read again. */
const ENTRIES_MAX = 10_000;

/**
 * The totals of the minutes before, each read once: a minute that is over only changes by what is
 * given back.
 */
export class PreviousMinutes {
  readonly #counters: Pick<WindowCounters, 'read'>;
  readonly #entries = new Map<string, Entry>();

  constructor(counters: Pick<WindowCounters, 'read'>) {
    this.#counters = counters;
  }

  /**
   * The total of `key` in the minute before `window`, not older than `maxAgeMs`.
   * @throws SwitchboardError `queue_unavailable`
   */
  get(key: string, window: number, nowMs: number, maxAgeMs = Infinity): Promise<number> {
    const known = this.#entries.get(key);
    if (known?.window === window) {
      const finalAtMs = window * MINUTE_MS + CLOCKS_DIFFER_MS;
      const isFinal = known.askedAtMs >= finalAtMs || nowMs < finalAtMs;
      if (isFinal && nowMs - known.askedAtMs <= maxAgeMs) return known.total;
    }
    const entry = { window, askedAtMs: nowMs, total: this.#counters.read(key, window - 1) };
    this.#remember(key, entry);
    // A failure is not remembered; whoever waits for it hears of it.
    entry.total.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    return entry.total;
  }

  #remember(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= ENTRIES_MAX) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }
}
