/**
 * Requests of keys with limits that end in every way there is, while gateways and workers are
 * killed: afterwards nothing may be left of any of them.
 */
import { setTimeout as delay } from 'node:timers/promises';

import type { Gateway, Worker } from '@switchboard/stack';
import { seededRandom } from '@switchboard/testkit';
import type { SeededRandom } from '@switchboard/testkit';

import type { LimitedKeys } from './limited-keys.ts';
import { gatewayReady } from './test-stack.ts';

export interface LimitStormOptions {
  readonly keys: LimitedKeys;
  readonly names: readonly string[];
  /** Those that are refused for a limit do not count. */
  readonly requests: number;
  /** Processes that are killed, half of them gateways. */
  readonly kills: number;
  readonly seed: number;
}

/** How often each thing happened: a status, `left` by the caller, or a broken connection. */
export type LimitStormCounts = Readonly<Record<string, number>>;

const CALLERS = 60;
const ANSWER_TIMEOUT_MS = 60_000;
const ENDINGS = ['wait', 'wait', 'leave', 'cancel', 'deadline'] as const;

export class LimitStorm {
  readonly #options: LimitStormOptions;
  readonly #random: SeededRandom;
  readonly #counts: Record<string, number> = {};
  #sent = 0;
  #killed = 0;
  #killing = Promise.resolve();

  constructor(options: LimitStormOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** Resolves when the last request has been answered, or has failed. */
  async run(): Promise<LimitStormCounts> {
    await Promise.all(Array.from({ length: CALLERS }, async () => await this.#caller()));
    await this.#killing;
    return this.#counts;
  }

  async #caller(): Promise<void> {
    const { kills, requests } = this.#options;
    while (this.#sent < requests) {
      this.#sent += 1;
      // Spread evenly, none at the very end.
      if (this.#sent > ((this.#killed + 0.5) * requests) / kills) {
        this.#killed += 1;
        const victim = this.#killed;
        this.#killing = this.#killing.then(async () => await this.#kill(victim));
      }
      await this.#request().catch(() => this.#count('broken'));
    }
  }

  async #request(): Promise<void> {
    const random = this.#random;
    const url = random.pick(this.#options.keys.urls);
    const headers = this.#headers(random.pick(this.#options.names));
    const ending = random.pick(ENDINGS);
    const model = `sim/think=${random.int(0, 300)}ms,tokens=${random.int(1, 20)},pace=10ms`;
    const isChat = ending !== 'cancel' && random.int(0, 2) > 0;
    const asked = isChat
      ? { messages: [{ role: 'user', content: 'Hello' }], stream: random.int(0, 1) === 0 }
      : { input: 'Hello', background: ending === 'cancel' || random.int(0, 1) === 0 };
    const leaving = AbortSignal.timeout(
      ending === 'leave' ? random.int(1, 400) : ANSWER_TIMEOUT_MS,
    );
    const response = await fetch(`${url}/v1/${isChat ? 'chat/completions' : 'responses'}`, {
      method: 'POST',
      headers: ending === 'deadline' ? { ...headers, 'x-request-deadline': '150ms' } : headers,
      body: JSON.stringify({ model, ...asked }),
      signal: leaving,
    });
    this.#count(String(response.status));
    const body = await response.text();
    if (response.status === 429) {
      // It has held nothing that could leak, and on a fast machine most would be refused.
      this.#sent -= 1;
      // Refused in a moment: a caller that comes back at once would do nothing else.
      await delay(random.int(5, 50));
    }
    if (ending !== 'cancel' || !response.ok) return;
    const { id } = JSON.parse(body) as { id: string };
    await delay(random.int(0, 300));
    const cancelled = await fetch(`${url}/v1/responses/${id}/cancel`, { method: 'POST', headers });
    await cancelled.body?.cancel();
    this.#count('cancelled');
  }

  #headers(name: string): Record<string, string> {
    const key = this.#random.int(0, 2) === 0;
    return {
      'content-type': 'application/json',
      ...this.#options.keys.ring.headers(name),
      ...(key ? { 'idempotency-key': `storm-${this.#random.int(1, 1_000_000_000)}` } : {}),
    };
  }

  /** One that takes its place is there before the next one dies. */
  async #kill(victim: number): Promise<void> {
    const { stack } = this.#options.keys;
    const isGateway = victim % 2 === 0;
    const all: readonly (Gateway | Worker)[] = isGateway ? stack.gateways : stack.workers;
    this.#random.pick(all.filter(({ process }) => process.running)).process.kill('SIGKILL');
    this.#count(isGateway ? 'killed gateways' : 'killed workers');
    if (isGateway) await gatewayReady((await stack.addGateway()).url);
    else await stack.addWorker();
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}
