/** One key sends a thousand requests at once, for one user or for a thousand that it invents. */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { seededRandom } from '@switchboard/testkit';

import { callChat, type ChatOutcome } from './chat-call.ts';
import { type CrowdRound, type Flood, FLOODS, judgeCrowd } from './crowd-judge.ts';
import { type DrillKeys, writeKeys } from './drill-keys.ts';
import { Fleet } from './fleet.ts';
import { MachineUse } from './machine-use.ts';
import type { DrillOptions } from './options.ts';
import type { DrillResult, Say } from './result.ts';

const ROUNDS = 3;
const REQUESTS = 1_000;
const OTHERS = 20;
const WORKERS = 2;
const SLOTS_EACH = 10;
const SERVICE_MS = 100;
const MODEL = `sim/think=${SERVICE_MS}ms,tokens=1`;
/** The others come when the flood has been read, and has not been worked off. */
const OTHERS_AFTER_MS = 1_500;
const WARM_UP_EACH = 10;

const CROWD = 'crowd';
const APPLICATION = 'application';
const OTHER_NAMES = Array.from({ length: OTHERS }, (_, index) => `other-${index}`);

export async function crowdDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const { log, seed } = options;
  const random = seededRandom(seed);
  const keys = writeKeys({
    [CROWD]: ['api'],
    [APPLICATION]: ['api', 'act_for_users'],
    ...Object.fromEntries(OTHER_NAMES.map((name) => [name, ['api']])),
  });
  const gatewayEnv = { KEYS_FILE: keys.path, MAX_OUTSTANDING_PER_USER: String(REQUESTS) };
  const fleet = await Fleet.start({
    gateways: 2,
    workers: WORKERS,
    poolSize: SLOTS_EACH,
    gatewayEnv,
    log,
  });
  const callers = new Callers(fleet.urls, keys);
  const rounds: CrowdRound[] = [];
  try {
    say('warming up');
    await callers.warmUp();
    const machine = await MachineUse.from(
      [...fleet.gateways, ...fleet.workers].map(({ name, process: { pid } }) => ({ name, pid })),
    );
    for (let round = 1; round <= ROUNDS; round++) {
      for (const flood of random.shuffle(FLOODS)) {
        say(`round ${round} of ${ROUNDS}: ${flood}`);
        rounds.push(await callers.round(flood));
      }
    }
    const judged = judgeCrowd({ rounds, serviceMs: SERVICE_MS, slots: WORKERS * SLOTS_EACH });
    return { seed, ...judged, figures: { ...judged.figures, machine: await machine.text() } };
  } finally {
    callers.leave();
    await fleet.stop();
  }
}

class Callers {
  readonly #urls: readonly string[];
  readonly #keys: DrillKeys;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: REQUESTS });
  #sent = 0;

  constructor(urls: readonly string[], keys: DrillKeys) {
    this.#urls = urls;
    this.#keys = keys;
  }

  async warmUp(): Promise<void> {
    for (let each = 0; each < WARM_UP_EACH; each++) {
      await Promise.all(OTHER_NAMES.map((name) => this.#call(name, '')));
    }
    // Opens a thousand connections, which no later flood has to.
    await this.round('one user');
  }

  /** Sends the flood and, a moment later, one request of each other key; waits for all. */
  async round(flood: Flood): Promise<CrowdRound> {
    let ended = 0;
    const sent = this.#flood(flood).map(async (call) => {
      const { status } = await call;
      // What was refused does not stand in anybody's way.
      ended += 1;
      return status;
    });
    await delay(OTHERS_AFTER_MS);
    const outstanding = sent.length - ended;
    const others = await Promise.all(OTHER_NAMES.map((name) => this.#call(name, '')));
    await Promise.all(sent);
    return { flood, others, outstanding };
  }

  leave(): void {
    this.#agent.destroy();
  }

  #flood(flood: Flood): Promise<ChatOutcome>[] {
    if (flood === 'nothing') return [];
    const key = flood === 'invented users, may act for them' ? APPLICATION : CROWD;
    return Array.from({ length: REQUESTS }, (_, index) =>
      this.#call(key, flood === 'one user' ? '' : `invented-${index}`),
    );
  }

  /** At the gateways in turn. */
  async #call(key: string, user: string): Promise<ChatOutcome> {
    this.#sent += 1;
    const url = this.#urls[this.#sent % this.#urls.length] ?? '';
    return await callChat({
      url,
      agent: this.#agent,
      model: MODEL,
      user,
      key: this.#keys.of(key),
    });
  }
}
