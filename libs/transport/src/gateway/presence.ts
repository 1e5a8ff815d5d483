/**
 * What a gateway says of itself while it lives: that it does, and which runs of other gateways it
 * has readers of. Workers end the foreground runs of gateways that fell silent; the gateway that
 * made a run waits for the readers that others have of it.
 *
 * - P1 a run that gets a reader here is said at once, and with every beat while it has one.
 * - P2 the gateway that made the run is told at once when its last reader here leaves. A detached
 *   one does not leave: it is only not said again.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  aliveSubject,
  GATEWAY_BEAT_MS,
  type GatewayAlive,
  type RunReaders,
  readersSubject,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import type { Leaving } from './readers.ts';

/** How often the gateway that made a run is told that it has readers here. */
export const READERS_BEAT_MS = 10_000;
/** Without a word for so many beats, the readers there count as gone. */
const READERS_BEATS_LOST = 2.5;
/** Run ids in one message: about 150 KB, where a message may have a megabyte. */
const ADOPTED_PER_MESSAGE = 4_000;

export interface PresenceOptions {
  readonly gateway: string;
  /** Default 3,000 ms; must be well below what workers count as lost. */
  readonly beatMs?: number | undefined;
  /** Default 10,000 ms. */
  readonly readersBeatMs?: number | undefined;
  /** Another gateway has, or no longer has, a reader of `run`. */
  readonly onReaders: (run: string, gateway: string, reads: boolean) => void;
}

export class Presence {
  readonly #link: NatsLink;
  readonly #options: PresenceOptions;
  readonly #adopted = new Set<string>();
  #timers: readonly NodeJS.Timeout[] = [];
  #subscription: Subscription | undefined;
  #removeListener: (() => void) | undefined;

  constructor(link: NatsLink, options: PresenceOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** How long another gateway's reader is counted after it was last said. */
  static elsewhereMs(readersBeatMs = READERS_BEAT_MS): number {
    return readersBeatMs * READERS_BEATS_LOST;
  }

  start(): void {
    const { beatMs = GATEWAY_BEAT_MS, readersBeatMs = READERS_BEAT_MS } = this.#options;
    this.#timers = [
      setInterval(() => this.#beat(), beatMs),
      setInterval(() => this.#sayReaders(), readersBeatMs),
    ];
    this.#removeListener = this.#link.listen({
      up: (connection) => {
        if (this.#subscription === undefined || this.#subscription.isClosed()) {
          this.#subscription = connection.subscribe(readersSubject('*'), {
            callback: (_error, message) => this.#onReaders(message),
          });
        }
        this.#beat();
        this.#sayReaders();
      },
    });
  }

  /** A run of another gateway has as many readers here now. */
  changed(run: string, here: number, leaving: Leaving | undefined): void {
    if (here > 0) {
      if (this.#adopted.has(run)) return;
      this.#adopted.add(run);
      this.#sayAlive([run]);
      this.#sayRun(run, true);
    } else if (this.#adopted.delete(run) && leaving === 'left') {
      this.#sayRun(run, false);
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#removeListener?.();
    this.#subscription?.unsubscribe();
  }

  #beat(): void {
    const adopted = [...this.#adopted];
    do {
      this.#sayAlive(adopted.splice(0, ADOPTED_PER_MESSAGE));
    } while (adopted.length > 0);
  }

  #sayAlive(adopted: readonly string[]): void {
    const alive: GatewayAlive = { adopted };
    this.#publish(aliveSubject(this.#options.gateway), alive);
  }

  #sayReaders(): void {
    for (const run of this.#adopted) this.#sayRun(run, true);
  }

  #sayRun(run: string, reads: boolean): void {
    const readers: RunReaders = { gateway: this.#options.gateway, reads };
    this.#publish(readersSubject(run), readers);
  }

  #publish(subject: string, message: object): void {
    if (this.#link.connected) this.#link.connection.publish(subject, JSON.stringify(message));
  }

  #onReaders(message: Msg): void {
    const [, run] = message.subject.split('.');
    if (run === undefined) return;
    try {
      const { gateway, reads } = message.json<RunReaders>();
      if (gateway !== this.#options.gateway) this.#options.onReaders(run, gateway, reads);
    } catch {
      // Not one of ours: nobody else may publish here, and no reader hangs on one message.
    }
  }
}
