/**
 * Three nats-servers: the one that leads a certain stream or consumer is killed and comes back, or
 * hands its lead to another.
 */
import { setTimeout as delay } from 'node:timers/promises';

import type { NatsCluster, NatsServer } from '@switchboard/stack';

import type { Say } from './result.ts';

interface Led {
  readonly stream: string;
  readonly consumer?: string;
}

const QUEUE = 'REQUESTS_default';
/** Everything that a run needs has a leader of its own. */
const LED: readonly Led[] = [
  { stream: 'EVENTS' },
  { stream: QUEUE },
  { stream: QUEUE, consumer: 'normal1' },
  { stream: QUEUE, consumer: 'normal2' },
  { stream: QUEUE, consumer: 'normal3' },
  { stream: QUEUE, consumer: 'normal4' },
  { stream: 'EVENTS', consumer: 'recorder' },
  { stream: 'KV_responses' },
  { stream: 'KV_idempotency' },
];
/** An election takes up to 9 s, and a server that comes back has all to read. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 100;
/** During an election nobody answers at all. */
const ASK_TIMEOUT_MS = 400;

/** From the death of a leader until everything has one again, epoch milliseconds. */
export interface Election {
  readonly fromMs: number;
  readonly untilMs: number;
}

export class NatsKills {
  readonly elections: Election[] = [];
  readonly #cluster: NatsCluster;
  readonly #say: Say;
  /** The server that is down, until it has all that the others have. */
  #back: Promise<void> = Promise.resolve();

  constructor(cluster: NatsCluster, say: Say) {
    this.#cluster = cluster;
    this.#say = say;
  }

  /**
   * Kills the leader that `draw` names, which comes back after `downMs` while this goes on; never
   * while another one is away. @returns what was done.
   */
  async kill(draw: number, downMs: number): Promise<string> {
    await this.#back;
    const led = ledBy(draw);
    const server = await this.#leaderOf(led);
    const fromMs = Date.now();
    server.kill('SIGKILL');
    await server.exited;
    const both = [this.#bringBack(server, downMs), this.#elect(server, fromMs)];
    this.#back = Promise.all(both).then(() => undefined);
    // It is looked at when it is waited for.
    this.#back.catch(() => undefined);
    return `SIGKILL ${server.name}, the leader of ${nameOf(led)}`;
  }

  /** Has the leader that `draw` names hand over its lead. @returns what was done. */
  async stepDown(draw: number): Promise<string> {
    const led = ledBy(draw);
    const server = await this.#leaderOf(led);
    const { stream, consumer } = led;
    const what = consumer === undefined ? `STREAM` : 'CONSUMER';
    const name = consumer === undefined ? stream : `${stream}.${consumer}`;
    const { error } = await this.#cluster.ask(`${what}.LEADER.STEPDOWN.${name}`);
    const refused = error === undefined ? '' : ` (refused: ${error.description ?? 'an error'})`;
    return `${server.name} hands over ${nameOf(led)}${refused}`;
  }

  /** Resolves when every server is back. Throws when one is not in time. */
  async settled(): Promise<void> {
    await this.#back;
  }

  async #leaderOf({ stream, consumer }: Led): Promise<NatsServer> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const leader = await this.#cluster.leaderOf(stream, consumer);
      if (leader?.process.running === true) return leader;
      if (performance.now() > deadlineMs) throw new Error(`nobody leads ${consumer ?? stream}`);
      await delay(LOOK_MS);
    }
  }

  /** Waits until everything is led by somebody who runs. */
  async #elect(lost: NatsServer, fromMs: number): Promise<void> {
    const options = { timeoutMs: ASK_TIMEOUT_MS };
    const { pid } = lost;
    const led = LED.map(async ({ stream, consumer }) => {
      for (const deadlineMs = fromMs + PATIENCE_MS; Date.now() < deadlineMs; await delay(LOOK_MS)) {
        const leader = await this.#cluster.leaderOf(stream, consumer, options);
        if (leader !== undefined && (leader !== lost || leader.pid !== pid)) return;
      }
      throw new Error(`nobody leads ${nameOf({ stream, ...(consumer && { consumer }) })}`);
    });
    await Promise.all(led);
    const untilMs = Date.now();
    this.elections.push({ fromMs, untilMs });
    this.#say(`  everything is led again after ${((untilMs - fromMs) / 1_000).toFixed(1)} s`);
  }

  async #bringBack(server: NatsServer, downMs: number): Promise<void> {
    await delay(downMs);
    await server.restart();
    const startedAtMs = performance.now();
    while (!(await this.#cluster.current())) {
      if (performance.now() - startedAtMs > PATIENCE_MS) {
        throw new Error(`${server.name} did not catch up in time`);
      }
      await delay(LOOK_MS);
    }
    const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
    this.#say(`  ${server.name} is back, and had caught up after ${seconds} s`);
  }
}

function ledBy(draw: number): Led {
  const led = LED[draw % LED.length];
  if (led === undefined) throw new Error('nothing has a leader');
  return led;
}

function nameOf({ stream, consumer }: Led): string {
  return consumer === undefined ? stream : `${consumer} of ${stream}`;
}
