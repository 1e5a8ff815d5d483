/** Everything that is known of the storm, by request and by run: what the oracle judges. */
import type { RunEnd } from '@switchboard/contract';

import type { ChatPlan } from './chat-plan.ts';
import type { ClientResult } from './client.ts';

/** One HTTP request of a client. */
export interface Chat {
  readonly plan: ChatPlan;
  /** Process that it was sent to. */
  readonly gateway: string;
  readonly sentAtMs: number;
  /** Undefined while it is under way. */
  result?: ClientResult;
}

/** A worker's `started` in the event log. Times of the log are the server's. */
export interface Claim {
  readonly attempt: number;
  readonly worker: string;
  readonly atMs: number;
}

export interface StoredEnd {
  readonly seq: number;
  readonly atMs: number;
  readonly attempt: number;
  readonly end: RunEnd;
}

/** One run as NATS knows it. */
export interface Run {
  readonly run: string;
  /** The `x-request-id` of its request, once that is known. */
  request: string | undefined;
  /** When the request was stored in the queue: the server's ring. */
  storedAtMs: number | undefined;
  readonly claims: Claim[];
  readonly ends: StoredEnd[];
}

/** One call of the model, from the simulator's log. */
export interface ModelCall {
  readonly request: string;
  readonly startedAtMs: number;
  endedAtMs: number | null;
  tokens: number;
  outcome: 'running' | 'finished' | 'aborted' | 'faulted';
}

export const FAULT_KINDS = [
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
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** The process it was done to. */
  readonly target: string;
  readonly fromMs: number;
  /** When what was stopped or cut went on, or its replacement was ready. */
  restoredAtMs: number;
  /** When the last run it touched had ended. */
  recoveredAtMs: number;
}

/** A worker process: its slots count from its start to its end. */
export interface WorkerLife {
  readonly name: string;
  readonly slots: number;
  readonly fromMs: number;
  /** When it was gone; Infinity while it lives. */
  untilMs: number;
}

/** Tokens that the model made after the client's socket was closed. */
export interface Waste {
  readonly request: string;
  readonly leftAtMs: number;
  readonly tokens: number;
}

export class Ledger {
  readonly chats = new Map<string, Chat>();
  readonly runs = new Map<string, Run>();
  readonly faults: Fault[] = [];
  readonly workers: WorkerLife[] = [];
  readonly waste: Waste[] = [];
  /** By request, in the order of their start. */
  readonly calls = new Map<string, ModelCall[]>();

  run(id: string): Run {
    const known = this.runs.get(id);
    if (known !== undefined) return known;
    const run = { run: id, request: undefined, storedAtMs: undefined, claims: [], ends: [] };
    this.runs.set(id, run);
    return run;
  }

  /** The simulator's log again and again: what is known already is brought up to date. */
  takeCalls(calls: readonly ModelCall[]): void {
    for (const call of calls) {
      const known = this.calls.get(call.request) ?? [];
      const same = known.find(({ startedAtMs }) => startedAtMs === call.startedAtMs);
      if (same === undefined) known.push({ ...call });
      else Object.assign(same, call);
      this.calls.set(call.request, known);
    }
  }

  callsOf(request: string): readonly ModelCall[] {
    return this.calls.get(request) ?? [];
  }

  /** Runs by the request they are for. A request has more than one only if a gateway is wrong. */
  runsByRequest(): ReadonlyMap<string, readonly Run[]> {
    const byRequest = new Map<string, Run[]>();
    for (const run of this.runs.values()) {
      if (run.request === undefined) continue;
      const runs = byRequest.get(run.request);
      if (runs === undefined) byRequest.set(run.request, [run]);
      else runs.push(run);
    }
    return byRequest;
  }

  /** Whether a fault was at work at any time from `fromMs` to `untilMs`. */
  touchedByFault(fromMs: number, untilMs: number, marginMs = 0): boolean {
    return this.faults.some(
      (fault) => fault.fromMs - marginMs < untilMs && fault.recoveredAtMs + marginMs > fromMs,
    );
  }
}
