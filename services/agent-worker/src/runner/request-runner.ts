import type { RunEvent, RunRequest } from '@switchboard/contract';
import type { RunnerContext } from './runner-context.ts';

/** Whatever runs requests; what it throws ends the run. */
export interface RequestRunner {
  run(request: RunRequest, context: RunnerContext): AsyncIterable<RunEvent>;
}

/** A runner for some of the agents. */
export interface SomeRunner extends RequestRunner {
  has(agent: string): boolean;
}

/** Each request goes to the first that has its agent, or to the last. */
export function firstOf(some: SomeRunner, others: RequestRunner): RequestRunner {
  return {
    run: (request, context) => (some.has(request.agent) ? some : others).run(request, context),
  };
}
