import type { Script } from './script.ts';

/**
 * The waits of one answer. The same script, seed and request id always give the same waits, in
 * whatever order the requests arrive.
 */
export class Pacing {
  readonly #script: Script;
  #state: number;

  constructor(script: Script, requestId: string) {
    this.#script = script;
    this.#state = hash(`${script.seed}:${requestId}`);
  }

  /** Time before the first token, in milliseconds. */
  thinkMs(): number {
    return this.#spread(this.#script.thinkMs);
  }

  /** Time between one token and the next (or the end), in milliseconds. */
  nextGapMs(): number {
    return this.#spread(this.#script.paceMs);
  }

  #spread(ms: number): number {
    const { fraction, ms: jitterMs } = this.#script.jitter;
    const widthMs = ms * fraction + jitterMs;
    return widthMs === 0 ? ms : Math.max(0, ms + widthMs * (2 * this.#random() - 1));
  }

  /** Mulberry32: small, fast and even enough for jitter. From 0 up to, not including, 1. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value;
}
