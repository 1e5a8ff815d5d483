/** What a run knows of itself besides its request: the second argument of the Nest handler. */
import { BaseRpcContext } from '@nestjs/microservices';

export interface RunFacts {
  readonly run: string;
  readonly requestId: string;
  /** From 1; more than 1 after a worker was lost before it had shown anything. */
  readonly attempt: number;
  /** Aborts when the caller left, the run was cancelled, the claim was lost or the worker stops. */
  readonly signal: AbortSignal;
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
}
