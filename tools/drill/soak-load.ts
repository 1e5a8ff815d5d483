/** Requests at a steady rate, and somebody who deletes stored responses when they are too many. */
import { setTimeout as delay } from 'node:timers/promises';

import { deleteStored, sendSoak, type SoakKind, type SoakResult } from './soak-request.ts';

/** Requests a second. They fill each bucket, and the log, within the first minute. */
export const RATES: Readonly<Record<SoakKind, number>> = {
  'brief chat': 30,
  'chat stream': 4,
  'keyed chat': 3,
  'stored response': 2,
  background: 2,
  'large chat': 1,
};

/** Of one kind at a time; beyond it nothing is sent, whatever the rate asks for. */
const OPEN_MAX = 100;
/** How long what is stored stays full before somebody deletes half of it. */
const FULL_FOR_MS = 5_000;
const DELETE_SHARE = 0.5;

export class SoakLoad {
  readonly results: SoakResult[] = [];
  /** What went wrong with deleting. */
  readonly problems: string[] = [];
  readonly #url: string;
  readonly #stored: string[] = [];
  #deleted = 0;
  #unsent = 0;
  #deleting: Promise<void> | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** Stored responses that were deleted. */
  get deleted(): number {
    return this.#deleted;
  }

  /** Requests that the rates asked for while too many were open. */
  get unsent(): number {
    return this.#unsent;
  }

  /** Sends until `untilMs` of performance.now(); resolves when all have ended. */
  async run(untilMs: number): Promise<void> {
    const kinds = Object.entries(RATES) as [SoakKind, number][];
    await Promise.all(kinds.map(async ([kind, rate]) => await this.#send(kind, rate, untilMs)));
    await this.#deleting;
  }

  async #send(kind: SoakKind, perSecond: number, untilMs: number): Promise<void> {
    const open = new Set<Promise<void>>();
    const name = kind.replaceAll(' ', '-');
    let dueMs = performance.now();
    for (let turn = 0; dueMs < untilMs; turn += 1) {
      await delay(Math.max(0, dueMs - performance.now()));
      dueMs += 1_000 / perSecond;
      if (open.size >= OPEN_MAX) {
        this.#unsent += 1;
        continue;
      }
      const over = sendSoak(this.#url, kind, `${name}-${turn}`).then((result) => {
        open.delete(over);
        this.#take(result);
      });
      open.add(over);
    }
    await Promise.all(open);
  }

  #take(result: SoakResult): void {
    this.results.push(result);
    const { kind, outcome, stored } = result;
    if (stored !== undefined) this.#stored.push(stored);
    if (outcome !== 'full' || (kind !== 'stored response' && kind !== 'background')) return;
    this.#deleting ??= this.#makeRoom().finally(() => (this.#deleting = undefined));
  }

  async #makeRoom(): Promise<void> {
    await delay(FULL_FOR_MS);
    const old = this.#stored.splice(0, Math.ceil(this.#stored.length * DELETE_SHARE));
    for (const id of old) {
      await deleteStored(this.#url, id).catch((error: unknown) => {
        this.problems.push(`${id} could not be deleted: ${String(error)}`);
      });
      this.#deleted += 1;
    }
  }
}
