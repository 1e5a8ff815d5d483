/** The limit of a run that its handler has not kept: stopped from outside, a little later. */
import { SwitchboardError } from '@switchboard/contract';

/** A handler has its own limit, and says more of what took so long: it is let be first. */
const LATE_MS = 2_000;

/** The abort reason of such a run. */
export class RunOverdue extends Error {
  readonly error: SwitchboardError;

  constructor(limitMs: number) {
    super('the run outlived its limit');
    this.name = 'RunOverdue';
    const text = `The run took longer than ${limitMs / 1_000} seconds.`;
    this.error = new SwitchboardError('run_timeout', text);
  }
}

/** @returns what calls it off */
export function stopWhenOverdue(
  controller: AbortController,
  limitMs: number | undefined,
): () => void {
  if (limitMs === undefined) return () => undefined;
  const timer = setTimeout(() => controller.abort(new RunOverdue(limitMs)), limitMs + LATE_MS);
  return () => clearTimeout(timer);
}
