/** What a run knows of itself besides its request: the second argument of the Nest handler. */
import { BaseRpcContext } from '@nestjs/microservices';
import type { EarlierCall } from '../events/earlier-calls.ts';

export interface RunFacts {
  readonly run: string;
  readonly requestId: string;
  /** From 1; more than 1 after a worker was lost before it had shown anything. */
  readonly attempt: number;
  /** Aborts when the caller left, the run was cancelled, the claim was lost or the worker stops. */
  readonly signal: AbortSignal;
  readonly stored: () => Promise<void>;
  readonly earlierCalls: () => Promise<ReadonlyMap<string, EarlierCall>>;
  readonly abandon: (handler: Promise<unknown>) => void;
}

export class RunContext extends BaseRpcContext<[RunFacts]> {
  constructor(facts: RunFacts) {
    super([facts]);
  }

  get run(): string {
    return this.args[0].run;
  }

  get requestId(): string {
    return this.args[0].requestId;
  }

  get attempt(): number {
    return this.args[0].attempt;
  }

  get signal(): AbortSignal {
    return this.args[0].signal;
  }

  /**
   * Resolves when everything that the handler has yielded so far is in the run's log, where a later
   * attempt finds it. Rejects when the signal aborts.
   */
  stored(): Promise<void> {
    return this.args[0].stored();
  }

  /**
   * The tools that earlier attempts, lost with their workers, had begun, by the id of the call.
   * @throws StoreError when the log does not answer, or is not whole
   */
  earlierCalls(): Promise<ReadonlyMap<string, EarlierCall>> {
    return this.args[0].earlierCalls();
  }

  /**
   * The handler ends without waiting for this part of it, which was told to stop and goes on. It
   * counts until it settles: when too many have piled up, the worker has to be replaced.
   */
  abandon(part: Promise<unknown>): void {
    this.args[0].abandon(part);
  }
}
