/** The users: an open stream of requests whose rate follows the phase, and hoarders. */
import { setTimeout as delay } from 'node:timers/promises';

import { seededRandom, type SeededRandom } from '@switchboard/testkit';

import { type ChatPlan, drawChat } from './chat-plan.ts';
import { chat } from './client.ts';
import { nowMs } from './clock.ts';
import { type Fleet, OUTSTANDING_PER_USER_MAX, SLOTS_PER_WORKER, WORKERS } from './fleet.ts';
import type { Chat, Ledger } from './ledger.ts';
import { type Phase, phases } from './phases.ts';

const USERS = 40;
const HOARDERS = 4;
const NEWCOMER_SHARE = 0.9;
/** Open requests of all users: beyond it the generator waits, whatever the phase asks for. */
const OPEN_MAX = 250;
/** One more than allowed, now and then: it must be refused. */
const ONE_TOO_MANY_SHARE = 0.03;
const HOARDER_PAUSE_MAX_MS = 60;

export interface LoadOptions {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly seed: number;
  /** Told of each chat that is over. */
  readonly onEnd: (chat: Chat) => void;
}

export class Load {
  readonly #options: LoadOptions;
  readonly #random: SeededRandom;
  readonly #open = new Set<Promise<void>>();
  readonly #openOf = new Map<string, number>();
  readonly #hoarders: string[];
  phase: Phase | undefined;
  #sent = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#hoarders = Array.from({ length: HOARDERS }, (_, index) => `hoarder-${index}`);
  }

  get open(): number {
    return this.#open.size;
  }

  /** Everybody who comes again. */
  get users(): readonly string[] {
    return [...this.#hoarders, ...Array.from({ length: USERS }, (_, index) => `user-${index}`)];
  }

  /** Sends until `untilMs`; resolves when the last request has been sent. */
  async run(untilMs: number): Promise<void> {
    for (const phase of phases(this.#random)) {
      this.phase = phase;
      const phaseEndMs = Math.min(untilMs, nowMs() + phase.seconds * 1_000);
      await Promise.all([this.#stream(phase, phaseEndMs), this.#hoard(phase, phaseEndMs)]);
      if (nowMs() >= untilMs) return;
    }
  }

  /** Resolves when every request has come to its end. */
  async settled(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  /** Sends one request to a gateway drawn at random. Resolves when it is over. */
  send(plan: ChatPlan): Promise<void> {
    const { fleet, ledger, onEnd } = this.#options;
    const gateway = this.#random.pick(fleet.gateways);
    const record: Chat = { plan, gateway: gateway.name, sentAtMs: nowMs() };
    ledger.chats.set(plan.id, record);
    this.#openOf.set(plan.user, (this.#openOf.get(plan.user) ?? 0) + 1);
    const over = chat(gateway.url, plan).then((result) => {
      record.result = result;
      this.#openOf.set(plan.user, (this.#openOf.get(plan.user) ?? 1) - 1);
      this.#open.delete(over);
      onEnd(record);
    });
    this.#open.add(over);
    return over;
  }

  nextId(): string {
    this.#sent += 1;
    return `c${this.#sent}`;
  }

  /** Waits after each request as long as the slots together need for it, at this load. */
  async #stream(phase: Phase, untilMs: number): Promise<void> {
    let dueMs = nowMs();
    while (nowMs() < untilMs) {
      const plan = drawChat(this.#random, this.nextId(), this.#user(phase));
      if (this.#open.size < OPEN_MAX) void this.send(plan);
      const spread = -Math.log(1 - this.#random.next());
      dueMs += (spread * plan.serviceMs) / (SLOTS_PER_WORKER * WORKERS * phase.load);
      dueMs = Math.max(dueMs, nowMs() - 1_000);
      const waitMs = Math.min(dueMs, untilMs) - nowMs();
      if (waitMs > 0) await delay(waitMs);
    }
  }

  #user({ crowd }: Phase): string {
    const [newcomer, index] = [this.#random.next(), this.#random.int(0, USERS - 1)];
    if (crowd === 'newcomers' && newcomer < NEWCOMER_SHARE) return `newcomer-${this.#sent}`;
    return `user-${index}`;
  }

  async #hoard({ crowd }: Phase, untilMs: number): Promise<void> {
    if (crowd !== 'hoarders') return;
    await Promise.all(this.#hoarders.map((user) => this.#hoardAs(user, untilMs)));
  }

  async #hoardAs(user: string, untilMs: number): Promise<void> {
    while (nowMs() < untilMs) {
      const more = this.#random.next() < ONE_TOO_MANY_SHARE ? 1 : 0;
      while ((this.#openOf.get(user) ?? 0) < OUTSTANDING_PER_USER_MAX + more) {
        void this.send(drawChat(this.#random, this.nextId(), user));
      }
      await delay(this.#random.next() * HOARDER_PAUSE_MAX_MS);
    }
  }
}
