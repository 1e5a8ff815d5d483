import type { RunEvent } from '@switchboard/contract';
import type { StopReason } from './exchange.ts';

/** A run as one HTTP exchange reads it: its own, one that was joined, or one that has ended. */
export interface Reading {
  readonly run: string;
  /** `Date.now()` when the queue took it; of a joined one, when it was joined. */
  readonly acceptedAtMs: number;
  /** Whether, cut off from its caller, it goes on where a repeated request does not find it. */
  readonly runsOnUnseen: boolean;
  events(signal?: AbortSignal): AsyncIterable<RunEvent>;
  /** The reader goes, for this reason. Idempotent; never throws. */
  leave(reason: StopReason): void;
  /** Nobody reads it here any more, and nobody has left: it goes on. Idempotent; never throws. */
  detach(): void;
}
