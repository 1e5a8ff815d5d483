/** What each kind of fault does to which process. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Cable, SeededRandom } from '@switchboard/testkit';

import { type Fleet, GATEWAYS, WORKERS } from './fleet.ts';
import type { FaultKind } from './ledger.ts';

/** A stopped or cut worker's runs are taken over after 16 s: both sides of that are tried. */
const STOP_MIN_MS = 3_000;
const STOP_MAX_MS = 25_000;
const GATEWAY_CUT_MAX_MS = 8_000;
const NATS_DOWN_MAX_MS = 1_500;
const RING_WAIT_MS = 2_000;
const AFTER_RING_MAX_MS = 100;

export interface FaultAct {
  /** Name of the process it is done to. */
  readonly target: string;
  /** Resolves when what was stopped goes on, or its replacement is ready. */
  readonly act: () => Promise<void>;
}

export interface FaultActsOptions {
  readonly fleet: Fleet;
  /** Resolves when the next request is stored: it is delivered in the same moment. */
  readonly nextRing: () => Promise<void>;
  readonly violation: (evidence: string) => void;
}

type Signal = 'SIGKILL' | 'SIGTERM';

export class FaultActs {
  readonly #options: FaultActsOptions;

  constructor(options: FaultActsOptions) {
    this.#options = options;
  }

  /** Draws the process and the duration. Every kind takes the same number of draws. */
  draw(kind: FaultKind, random: SeededRandom): FaultAct {
    const [worker, gateway] = [random.int(0, WORKERS - 1), random.int(0, GATEWAYS - 1)];
    const share = random.next();
    const stopMs = STOP_MIN_MS + share * (STOP_MAX_MS - STOP_MIN_MS);
    const acts: Readonly<Record<FaultKind, () => FaultAct>> = {
      'worker-kill': () => this.#replaceWorker(worker, 'SIGKILL'),
      'worker-term': () => this.#replaceWorker(worker, 'SIGTERM'),
      'worker-stop': () => this.#stopWorker(worker, stopMs),
      'worker-cut': () => cut(this.#cabledWorker(), stopMs),
      'worker-break': () => snap(this.#cabledWorker()),
      'nats-kill': () => this.#killNats(async () => undefined, share * NATS_DOWN_MAX_MS),
      'nats-kill-at-delivery': () => this.#killNats(() => this.#afterRing(share), 0),
      'gateway-kill': () => this.#replaceGateway(gateway, 'SIGKILL'),
      'gateway-term': () => this.#replaceGateway(gateway, 'SIGTERM'),
      'gateway-cut': () => cut(this.#cabledGateway(), share * GATEWAY_CUT_MAX_MS),
      'gateway-break': () => snap(this.#cabledGateway()),
    };
    return acts[kind]();
  }

  /** Only the first place of each has a cable. */
  #cabledWorker(): Cabled {
    return cabled(this.#options.fleet.workers[0]);
  }

  #cabledGateway(): Cabled {
    return cabled(this.#options.fleet.gateways[0]);
  }

  #stopWorker(place: number, stopMs: number): FaultAct {
    const { name, process } = there(this.#options.fleet.workers[place]);
    const act = async (): Promise<void> => {
      process.kill('SIGSTOP');
      await delay(stopMs);
      process.kill('SIGCONT');
    };
    return { target: name, act };
  }

  #replaceWorker(place: number, signal: Signal): FaultAct {
    const { fleet } = this.#options;
    const old = there(fleet.workers[place]);
    return {
      target: old.name,
      act: () => this.#replace(old, signal, () => fleet.startWorker(place)),
    };
  }

  #replaceGateway(place: number, signal: Signal): FaultAct {
    const { fleet } = this.#options;
    const old = there(fleet.gateways[place]);
    return {
      target: old.name,
      act: () => this.#replace(old, signal, () => fleet.startGateway(place)),
    };
  }

  async #replace(
    { name, process }: Pick<Fleet['workers'][number], 'name' | 'process'>,
    signal: Signal,
    start: () => Promise<void>,
  ): Promise<void> {
    const { fleet, violation } = this.#options;
    if (signal === 'SIGKILL') {
      process.kill('SIGKILL');
      await start();
      return;
    }
    const [code] = await Promise.all([fleet.terminate(process), start()]);
    if (code !== 0) violation(`${name} ended with exit code ${String(code)} after SIGTERM`);
  }

  #killNats(before: () => Promise<void>, downMs: number): FaultAct {
    const { nats } = this.#options.fleet;
    const act = async (): Promise<void> => {
      await before();
      nats.kill('SIGKILL');
      await nats.exited;
      await delay(downMs);
      await nats.restart();
    };
    return { target: nats.name, act };
  }

  async #afterRing(share: number): Promise<void> {
    await Promise.race([this.#options.nextRing(), delay(RING_WAIT_MS)]);
    await delay(share * AFTER_RING_MAX_MS);
  }
}

interface Cabled {
  readonly name: string;
  readonly cable: Cable;
}

function cabled(place: { name: string; cable: Cable | undefined } | undefined): Cabled {
  const { name, cable } = there(place);
  return { name, cable: there(cable) };
}

function there<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error('a place of the fleet is empty');
  return thing;
}

function cut({ name, cable }: Cabled, ms: number): FaultAct {
  const act = async (): Promise<void> => {
    cable.cut();
    await delay(ms);
    cable.mend();
  };
  return { target: name, act };
}

function snap({ name, cable }: Cabled): FaultAct {
  return { target: name, act: async () => cable.break() };
}
