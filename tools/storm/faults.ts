/** What is done to the processes, one fault at a time, each followed by a recovery. */
import { setTimeout as delay } from 'node:timers/promises';

import { seededRandom, type SeededRandom } from '@switchboard/testkit';

import type { Cable } from './cable.ts';
import { nowMs } from './clock.ts';
import { type Fleet, GATEWAYS, gatewayReady, WORKERS } from './fleet.ts';
import type { Fault, FaultKind, Ledger } from './ledger.ts';

/** Between a recovery and the next fault. */
const CALM_MIN_MS = 3_000;
const CALM_MAX_MS = 9_000;
/** A stopped or cut worker's runs are taken over after 16 s: both sides of that are tried. */
const STOP_MIN_MS = 3_000;
const STOP_MAX_MS = 25_000;
const GATEWAY_CUT_MAX_MS = 8_000;
const NATS_DOWN_MAX_MS = 1_500;
const AFTER_DELIVERY_MAX_MS = 100;
/** The last runs that a fault touched must have ended by then: take-over and a queue. */
const RECOVERY_MAX_MS = 60_000;
const LOOK_MS = 250;

const KINDS: readonly FaultKind[] = [
  'worker-kill',
  'worker-term',
  'worker-stop',
  'worker-cut',
  'worker-break',
  'nats-kill',
  'nats-kill-at-delivery',
  'gateway-kill',
  'gateway-term',
  'gateway-cut',
  'gateway-break',
];

export interface FaultsOptions {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly seed: number;
  /** Resolves at the next delivery. */
  readonly nextRing: () => Promise<void>;
  /** Brings the ledger up to date with the event log. */
  readonly readLog: () => Promise<void>;
  readonly say: (line: string) => void;
  readonly violation: (text: string) => void;
}

export class Faults {
  readonly #options: FaultsOptions;
  readonly #random: SeededRandom;
  now: FaultKind | undefined;

  constructor(options: FaultsOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** Begins no fault after `untilMs`; resolves when the last one has been recovered from. */
  async run(untilMs: number): Promise<void> {
    for (;;) {
      for (const kind of this.#random.shuffle(KINDS)) {
        const calmMs = this.#random.int(CALM_MIN_MS, CALM_MAX_MS);
        if (nowMs() + calmMs > untilMs) return;
        await delay(calmMs);
        await this.#do(kind);
      }
    }
  }

  async #do(kind: FaultKind): Promise<void> {
    const { ledger, say } = this.#options;
    const target = this.#targetOf(kind);
    const fault: Fault = {
      kind,
      target: target.name,
      fromMs: nowMs(),
      restoredAtMs: Infinity,
      recoveredAtMs: Infinity,
    };
    this.now = kind;
    ledger.faults.push(fault);
    say(`  ${kind} ${fault.target}`);
    await target.act();
    fault.restoredAtMs = nowMs();
    await this.#recover(fault);
    fault.recoveredAtMs = nowMs();
    this.now = undefined;
    const seconds = (fault.recoveredAtMs - fault.fromMs) / 1_000;
    say(`  ${kind} ${fault.target}: recovered after ${seconds.toFixed(1)} s`);
  }

  #targetOf(kind: FaultKind): { name: string; act: () => Promise<void> } {
    const { fleet } = this.#options;
    const any = (count: number): number => this.#random.int(0, count - 1);
    const [worker, gateway, lastMs] = [any(WORKERS), any(GATEWAYS), this.#random.next()];
    const [workerPlace, gatewayPlace] = [fleet.workers[worker], fleet.gateways[gateway]];
    const [cabledWorker, cabledGateway] = [fleet.workers[0], fleet.gateways[0]];
    if (!workerPlace || !gatewayPlace || !cabledWorker?.cable || !cabledGateway?.cable) {
      throw new Error('a place is empty');
    }
    const stopMs = STOP_MIN_MS + lastMs * (STOP_MAX_MS - STOP_MIN_MS);
    const downMs = lastMs * NATS_DOWN_MAX_MS;
    const named = (name: string, act: () => Promise<void>) => ({ name, act });
    switch (kind) {
      case 'worker-kill':
        return named(workerPlace.name, () => this.#replaceWorker(worker, 'SIGKILL'));
      case 'worker-term':
        return named(workerPlace.name, () => this.#replaceWorker(worker, 'SIGTERM'));
      case 'worker-stop':
        return named(workerPlace.name, async () => {
          workerPlace.process.kill('SIGSTOP');
          await delay(stopMs);
          workerPlace.process.kill('SIGCONT');
        });
      case 'worker-cut':
        return named(cabledWorker.name, () => cut(cabledWorker.cable, stopMs));
      case 'worker-break':
        return named(cabledWorker.name, async () => cabledWorker.cable?.break());
      case 'nats-kill':
        return named('nats-server', () => this.#killNats(downMs));
      case 'nats-kill-at-delivery':
        return named('nats-server', async () => {
          await Promise.race([this.#options.nextRing(), delay(2_000)]);
          await delay(lastMs * AFTER_DELIVERY_MAX_MS);
          await this.#killNats(0);
        });
      case 'gateway-kill':
        return named(gatewayPlace.name, () => this.#replaceGateway(gateway, 'SIGKILL'));
      case 'gateway-term':
        return named(gatewayPlace.name, () => this.#replaceGateway(gateway, 'SIGTERM'));
      case 'gateway-cut':
        return named(cabledGateway.name, () =>
          cut(cabledGateway.cable, lastMs * GATEWAY_CUT_MAX_MS),
        );
      case 'gateway-break':
        return named(cabledGateway.name, async () => cabledGateway.cable?.break());
    }
  }

  async #replaceWorker(place: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { fleet, violation } = this.#options;
    const old = fleet.workers[place];
    if (old === undefined) return;
    if (signal === 'SIGKILL') old.process.kill('SIGKILL');
    const gone = signal === 'SIGTERM' ? fleet.terminate(old.process) : undefined;
    await fleet.startWorker(place);
    const code = await gone;
    if (signal === 'SIGTERM' && code !== 0) {
      violation(`${old.name} ended with exit code ${String(code)} after SIGTERM`);
    }
  }

  async #replaceGateway(place: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { fleet, violation } = this.#options;
    const old = fleet.gateways[place];
    if (old === undefined) return;
    if (signal === 'SIGKILL') old.process.kill('SIGKILL');
    const gone = signal === 'SIGTERM' ? fleet.terminate(old.process) : undefined;
    await fleet.startGateway(place);
    const code = await gone;
    if (signal === 'SIGTERM' && code !== 0) {
      violation(`${old.name} ended with exit code ${String(code)} after SIGTERM`);
    }
  }

  async #killNats(downMs: number): Promise<void> {
    const { nats } = this.#options.fleet;
    nats.kill('SIGKILL');
    await nats.exited;
    await delay(downMs);
    await nats.restart();
  }

  /** Waits until gateways are ready and every run that was there at the fault has its end. */
  async #recover(fault: Fault): Promise<void> {
    const { fleet, ledger, violation } = this.#options;
    const deadlineMs = nowMs() + RECOVERY_MAX_MS;
    await Promise.all(fleet.gateways.map(({ url }) => gatewayReady(url)));
    for (;;) {
      await this.#readLog(deadlineMs);
      const open = [...ledger.runs.values()].filter(
        (run) => run.ends.length === 0 && (run.storedAtMs ?? Infinity) < fault.restoredAtMs,
      );
      if (open.length === 0) return;
      if (nowMs() > deadlineMs) {
        const ids = open.slice(0, 5).map(({ run }) => run);
        violation(
          `${open.length} runs not ended ${RECOVERY_MAX_MS} ms after ${fault.kind}: ${ids.join(' ')}`,
        );
        return;
      }
      await delay(LOOK_MS);
    }
  }

  async #readLog(deadlineMs: number): Promise<void> {
    for (;;) {
      try {
        await this.#options.readLog();
        return;
      } catch (error) {
        // NATS is coming back.
        if (nowMs() > deadlineMs) throw error;
        await delay(LOOK_MS);
      }
    }
  }
}

async function cut(cable: Cable | undefined, ms: number): Promise<void> {
  cable?.cut();
  await delay(ms);
  cable?.mend();
}
