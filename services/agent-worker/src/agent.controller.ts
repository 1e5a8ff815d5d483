import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { RunEvent, RunRequest } from '@switchboard/contract';
import { AGENT_RUN } from '@switchboard/transport';
import type { RunContext } from '@switchboard/transport';
import type { RequestRunner } from './runner/request-runner.ts';
import type { RunnerLog } from './runner/runner-context.ts';

export const REQUEST_RUNNER = Symbol('request runner');
export const RUNNER_LOG = Symbol('runner log');

/** The edge between Nest and the runner. */
@Controller()
export class AgentController {
  readonly #runner: RequestRunner;
  readonly #log: RunnerLog;

  constructor(@Inject(REQUEST_RUNNER) runner: RequestRunner, @Inject(RUNNER_LOG) log: RunnerLog) {
    this.#runner = runner;
    this.#log = log;
  }

  /** The transport pulls the events, and so sets the pace of the provider. */
  @MessagePattern(AGENT_RUN)
  run(@Payload() request: RunRequest, @Ctx() context: RunContext): AsyncIterable<RunEvent> {
    const { run, requestId, attempt, signal } = context;
    const abandon = (part: Promise<unknown>): void => context.abandon(part);
    const log = this.#log;
    const about = { run, requestId, attempt, signal, log, abandon, calls: context };
    return this.#runner.run(request, about);
  }
}
