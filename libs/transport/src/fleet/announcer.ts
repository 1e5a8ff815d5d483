/**
 * What a worker says of itself, so that every gateway knows the fleet.
 *
 * - N1 every change is said, at the latest {@link PAUSE_MS} after it, and never more often.
 * - N2 a worker that lives says so every two seconds, and at once after a reconnect.
 * - N3 whoever asks is answered within {@link ANSWER_SPREAD_MS}, and all who ask meanwhile with
 *   him; spread, so that a large fleet does not answer in one instant.
 * - N4 the last word of a clean stop says that it is one.
 * - N5 what agents it has, which is long, is said with the first word on a connection, to whoever
 *   asks, when it has changed, and in every {@link AGENTS_BEATS}th beat, in case a word was lost.
 */
import type { Subscription } from '@nats-io/transport-node';
import {
  AGENT_CARDS_MAX,
  type AgentCard,
  AGENTS_BEATS,
  FLEET_ASK,
  FLEET_BEAT_MS,
  fleetSubject,
  newGatewayToken,
  WORKER_NAME_MAX,
  type WorkerWord,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { ServiceTime } from './service-time.ts';

const PAUSE_MS = 100;
const ANSWER_SPREAD_MS = 20;

export interface AnnouncerOptions {
  readonly pool: string;
  /** The worker's name. */
  readonly worker: string;
  readonly slots: number;
  /** Slots that hold a run now. */
  readonly busy: () => number;
  /** Whether it takes no more runs. */
  readonly draining: () => boolean;
  /** See {@link WorkerWord}. */
  readonly closed?: (() => WorkerWord['closed']) | undefined;
  /** See `AgentServerOptions`. */
  readonly agents?: (() => readonly AgentCard[]) | undefined;
  /** A monotonic clock, milliseconds. */
  readonly now?: (() => number) | undefined;
}

export class FleetAnnouncer {
  readonly #link: NatsLink;
  readonly #options: AnnouncerOptions;
  readonly #now: () => number;
  /** Of this worker, in the subject of its words. */
  readonly token = newGatewayToken();
  readonly #subject: string;
  readonly #service = new ServiceTime();
  readonly #startedAtMs = Date.now();
  #subscription: Subscription | undefined;
  #removeListener: (() => void) | undefined;
  #beat: NodeJS.Timeout | undefined;
  #change: NodeJS.Timeout | undefined;
  #answer: NodeJS.Timeout | undefined;
  #saidAtMs = -Infinity;
  #agents: readonly AgentCard[] = [];
  /** Beats until they are said again; 0: with the next word. */
  #beatsToAgents = 0;
  #live = false;

  constructor(link: NatsLink, options: AnnouncerOptions) {
    this.#link = link;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#subject = fleetSubject(options.pool, this.token);
  }

  start(): void {
    this.#live = true;
    this.#beat = setInterval(() => this.#onBeat(), FLEET_BEAT_MS);
    this.#removeListener = this.#link.listen({
      up: (connection) => {
        if (this.#subscription === undefined || this.#subscription.isClosed()) {
          this.#subscription = connection.subscribe(FLEET_ASK, {
            callback: () => this.#answerSoon(),
          });
        }
        this.#beatsToAgents = 0;
        this.#say();
      },
    });
  }

  /** Something of what it says is another now. */
  changed(): void {
    if (!this.#live || this.#change !== undefined) return;
    // Never in the same turn: what changes together is said together.
    const delayMs = Math.max(0, this.#saidAtMs + PAUSE_MS - this.#now());
    this.#change = setTimeout(() => this.#say(), delayMs);
  }

  /** A run has held its slot for so long. */
  served(ms: number): void {
    this.#service.add(ms);
    this.changed();
  }

  /** Says that it is gone, and is silent from then on. Idempotent. */
  close(): void {
    if (!this.#live) return;
    this.#say(true);
    this.#live = false;
    clearInterval(this.#beat);
    clearTimeout(this.#change);
    clearTimeout(this.#answer);
    this.#removeListener?.();
    this.#subscription?.unsubscribe();
  }

  #onBeat(): void {
    this.#beatsToAgents = Math.max(0, this.#beatsToAgents - 1);
    this.#say();
  }

  #answerSoon(): void {
    this.#beatsToAgents = 0;
    this.#answer ??= setTimeout(() => this.#say(), Math.random() * ANSWER_SPREAD_MS);
  }

  #say(gone = false): void {
    clearTimeout(this.#change);
    clearTimeout(this.#answer);
    this.#change = undefined;
    this.#answer = undefined;
    this.#saidAtMs = this.#now();
    if (!this.#link.connected) return;
    const word = { ...this.#word(gone), ...(gone ? {} : this.#news()) };
    this.#link.connection.publish(this.#subject, JSON.stringify(word));
  }

  /** N5 */
  #news(): Pick<WorkerWord, 'agents'> {
    const agents = this.#options.agents?.() ?? [];
    if (agents === this.#agents && this.#beatsToAgents > 0) return {};
    this.#agents = agents;
    this.#beatsToAgents = AGENTS_BEATS;
    return agents.length === 0 ? {} : { agents: agents.slice(0, AGENT_CARDS_MAX) };
  }

  #word(gone: boolean): WorkerWord {
    const { pool, worker, slots, busy, draining } = this.#options;
    const closed = this.#options.closed?.();
    const { meanMs, count } = this.#service;
    return {
      v: 1,
      worker: worker.slice(0, WORKER_NAME_MAX),
      pool,
      slots,
      busy: busy(),
      draining: gone || draining(),
      ...(closed === undefined ? {} : { closed }),
      ...(meanMs === undefined ? {} : { serviceMs: Math.round(meanMs * 10) / 10 }),
      served: count,
      startedAtMs: this.#startedAtMs,
      ...(gone ? { gone: true } : {}),
    };
  }
}
