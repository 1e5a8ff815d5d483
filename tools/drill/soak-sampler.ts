/** What NATS and the gateways hold, second by second. */
import { type NamedProcess, type StreamMonitor, usageOf } from '@switchboard/stack';

export interface Sample {
  /** Bytes of each stream by its name. */
  readonly streams: ReadonlyMap<string, number>;
  /** Resident bytes of each gateway by its name. */
  readonly residentBytes: ReadonlyMap<string, number>;
}

const EVERY_MS = 1_000;

export class SoakSampler {
  readonly samples: Sample[] = [];
  /** What could not be looked at. */
  readonly problems: string[] = [];
  readonly #monitor: StreamMonitor;
  readonly #gateways: readonly NamedProcess[];
  readonly #timer: NodeJS.Timeout;

  constructor(monitor: StreamMonitor, gateways: readonly NamedProcess[]) {
    this.#monitor = monitor;
    this.#gateways = gateways;
    this.#timer = setInterval(() => void this.#take(), EVERY_MS);
  }

  get last(): Sample | undefined {
    return this.samples.at(-1);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #take(): Promise<void> {
    try {
      const [streams, usage] = await Promise.all([
        this.#monitor.streams(),
        usageOf(this.#gateways),
      ]);
      this.samples.push({
        streams: new Map([...streams].map(([name, { bytes }]) => [name, bytes])),
        residentBytes: new Map([...usage].map(([name, each]) => [name, each.residentBytes])),
      });
    } catch (error) {
      this.problems.push(`no sample: ${String(error)}`);
    }
  }
}
