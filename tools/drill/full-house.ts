/** A pool whose capacity is known, and callers for it: what the drills of overload share. */
import { Agent } from 'node:http';

import type { NamedProcess } from '@switchboard/stack';
import type { SeededRandom } from '@switchboard/testkit';

import { callChat, type ChatOutcome } from './chat-call.ts';
import { Fleet } from './fleet.ts';

const WORKERS = 2;
const SLOTS_EACH = 10;
const SERVICE_MS = 500;
/** What the pool can serve: its slots, each as fast as the model answers. */
export const CAPACITY_PER_SECOND = (WORKERS * SLOTS_EACH * 1_000) / SERVICE_MS;

const MODEL = `sim/think=${SERVICE_MS}ms,tokens=1`;
/** So many callers first, one after the other a slot's time, so that the pool has been measured. */
const WARM_UP_CALLS = 60;

export class FullHouse {
  readonly #fleet: Fleet;
  readonly #random: SeededRandom;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1_000 });
  readonly #deadlineMs: number;
  #callers = 0;

  private constructor(fleet: Fleet, random: SeededRandom, deadlineMs: number) {
    this.#fleet = fleet;
    this.#random = random;
    this.#deadlineMs = deadlineMs;
  }

  static async open(options: {
    readonly gateways: number;
    readonly deadlineMs: number;
    readonly random: SeededRandom;
    readonly log: string | undefined;
  }): Promise<FullHouse> {
    const { deadlineMs, gateways, log, random } = options;
    const fleet = await Fleet.start({ gateways, workers: WORKERS, poolSize: SLOTS_EACH, log });
    const house = new FullHouse(fleet, random, deadlineMs);
    try {
      await house.#warmUp();
    } catch (error) {
      await house.close();
      throw error;
    }
    return house;
  }

  /** What is tested. */
  get processes(): readonly NamedProcess[] {
    const { gateways, nats, simulator, workers } = this.#fleet;
    const services = [...gateways, ...workers].map(({ name, process: { pid } }) => ({ name, pid }));
    const others = { nats: nats.process.pid, simulator: simulator.process.pid };
    return [...services, ...Object.entries(others).map(([name, pid]) => ({ name, pid }))];
  }

  /** Somebody who has never been here. */
  newCaller(): string {
    this.#callers += 1;
    return `caller-${this.#callers}`;
  }

  /** At a gateway drawn at random. Never rejects. */
  async call(user: string): Promise<ChatOutcome> {
    const url = this.#random.pick(this.#fleet.urls);
    const deadlineMs = this.#deadlineMs;
    return await callChat({ url, agent: this.#agent, model: MODEL, user, deadlineMs });
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await this.#fleet.stop();
  }

  async #warmUp(): Promise<void> {
    const all: ChatOutcome[] = [];
    const slot = async (): Promise<void> => {
      for (let each = 0; each < WARM_UP_CALLS / SLOTS_EACH; each++) {
        all.push(await this.call(this.newCaller()));
      }
    };
    await Promise.all(Array.from({ length: SLOTS_EACH }, slot));
    const bad = all.find(({ status }) => status !== 200);
    if (bad !== undefined) throw new Error(`warming up failed: ${bad.status} ${bad.code}`);
  }
}
