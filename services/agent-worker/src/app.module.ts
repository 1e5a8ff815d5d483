import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { AgentController, REQUEST_RUNNER, RUNNER_LOG } from './agent.controller.ts';
import type { RequestRunner } from './runner/request-runner.ts';
import type { RunnerLog } from './runner/runner-context.ts';

@Module({})
// Nest names a module by its class, also one that only wires.
// oxlint-disable-next-line typescript/no-extraneous-class
export class AppModule {
  static with(parts: { readonly runner: RequestRunner; readonly log: RunnerLog }): DynamicModule {
    return {
      module: AppModule,
      controllers: [AgentController],
      providers: [
        { provide: REQUEST_RUNNER, useValue: parts.runner },
        { provide: RUNNER_LOG, useValue: parts.log },
      ],
    };
  }
}
