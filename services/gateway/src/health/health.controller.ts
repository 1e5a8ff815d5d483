import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import { healthReport, LIVE_BODY } from '@switchboard/platform/health';
import type { FastifyReply } from 'fastify';
import { Readiness } from './readiness.ts';

@Controller()
export class HealthController {
  readonly #readiness: Readiness;

  constructor(@Inject(Readiness) readiness: Readiness) {
    this.#readiness = readiness;
  }

  @Get('livez')
  @Header('cache-control', 'no-store')
  live(): object {
    return LIVE_BODY;
  }

  @Get('readyz')
  ready(@Res() reply: FastifyReply): void {
    const { status, body } = healthReport(this.#readiness.checks(), this.#readiness.problem);
    void reply.code(status).header('cache-control', 'no-store').send(body);
  }
}
