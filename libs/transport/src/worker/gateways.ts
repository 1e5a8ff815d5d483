/**
 * Which gateways live, as this worker hears it, and so which foreground runs nobody can be waiting
 * for any more.
 *
 * - G1 a run counts as abandoned only after this worker has listened, without a break, for as long
 *   as a gateway must be silent to be lost and the run's resume window on top: whoever was away
 *   itself, or frozen, gives everybody the benefit of the doubt.
 * - G2 a run that another gateway says it has readers of counts as if its own gateway lived.
 * - G3 a run that goes on without readers (`continue`) is never abandoned.
 * - G4 what is remembered is bounded; what was forgotten counts as not heard.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  ALIVE_SUBJECTS,
  GATEWAY_LOST_MS,
  type GatewayAlive,
  gatewayOf,
  type RunRequest,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';

/** Gateways and adopted runs remembered: the ones heard last. */
const GATEWAYS_MAX = 10_000;
const ADOPTED_MAX = 100_000;
const TICK_MAX_MS = 1_000;

/**
 * - `present`: its gateway lives, or somebody else reads it, as far as is known here.
 * - `lost`: its gateway is gone, but somebody may still come back to it.
 * - `abandoned`: nobody came in time.
 */
export type CallerStanding = 'present' | 'lost' | 'abandoned';

export type WatchedRun = Pick<RunRequest, 'run' | 'onDisconnect' | 'resumeWindowMs'>;

export interface GatewayWatchOptions {
  /** A gateway that was silent for so long is lost. Default 12,000 ms. */
  readonly lostMs?: number | undefined;
  /** Called about once a second: the time to look at the runs. */
  readonly onTick: () => void;
}

export class GatewayWatch {
  readonly #lostMs: number;
  readonly #tickMs: number;
  readonly #onTick: () => void;
  readonly #heardAtMs = new Map<string, number>();
  readonly #adoptedAtMs = new Map<string, number>();
  readonly #removeListener: () => void;
  readonly #timer: NodeJS.Timeout;
  #subscription: Subscription | undefined;
  /** Since when nothing can have been missed; undefined while disconnected. */
  #listeningSinceMs: number | undefined;
  #tickedAtMs = performance.now();

  constructor(link: NatsLink, { lostMs = GATEWAY_LOST_MS, onTick }: GatewayWatchOptions) {
    this.#lostMs = lostMs;
    this.#tickMs = Math.min(TICK_MAX_MS, lostMs / 4);
    this.#onTick = onTick;
    this.#removeListener = link.listen({
      up: (connection) => {
        if (this.#subscription === undefined || this.#subscription.isClosed()) {
          this.#subscription = connection.subscribe(ALIVE_SUBJECTS, {
            callback: (_error, message) => this.#onAlive(message),
          });
        }
        this.#listeningSinceMs = performance.now();
      },
      down: () => {
        this.#listeningSinceMs = undefined;
      },
    });
    this.#timer = setInterval(() => this.#tick(), this.#tickMs);
  }

  standing({ run, onDisconnect, resumeWindowMs }: WatchedRun): CallerStanding {
    const now = performance.now();
    const listeningSinceMs = this.#listeningSinceMs;
    if (onDisconnect === 'continue' || listeningSinceMs === undefined) return 'present';
    // The timer is late: this process stood still, and what it should have heard still waits.
    if (now - this.#tickedAtMs > this.#lostMs / 2) return 'present';
    const seenAtMs = Math.max(
      listeningSinceMs,
      this.#heardAtMs.get(gatewayOf(run) ?? '') ?? 0,
      this.#adoptedAtMs.get(run) ?? 0,
    );
    const silentMs = now - seenAtMs;
    if (silentMs <= this.#lostMs) return 'present';
    const windowMs = onDisconnect === 'resume' ? resumeWindowMs : 0;
    return silentMs > this.#lostMs + windowMs ? 'abandoned' : 'lost';
  }

  close(): void {
    clearInterval(this.#timer);
    this.#removeListener();
    this.#subscription?.unsubscribe();
  }

  #tick(): void {
    const now = performance.now();
    const stoodStill = now - this.#tickedAtMs > this.#lostMs / 2;
    this.#tickedAtMs = now;
    if (stoodStill && this.#listeningSinceMs !== undefined) this.#listeningSinceMs = now;
    this.#onTick();
  }

  #onAlive(message: Msg): void {
    const now = performance.now();
    const [, gateway = ''] = message.subject.split('.');
    remember(this.#heardAtMs, gateway, now, GATEWAYS_MAX);
    try {
      const { adopted } = message.json<GatewayAlive>();
      for (const run of adopted) remember(this.#adoptedAtMs, run, now, ADOPTED_MAX);
    } catch {
      // Not one of ours; that somebody lives there was heard all the same.
    }
  }
}

/** The map keeps the order of the last mention, so the first is the one to forget. */
function remember(map: Map<string, number>, key: string, now: number, most: number): void {
  map.delete(key);
  map.set(key, now);
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
