import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PoolViewService } from './pool-view.service.ts';

@Controller('v1/pool')
export class PoolViewController {
  readonly #pools: PoolViewService;

  constructor(@Inject(PoolViewService) pools: PoolViewService) {
    this.#pools = pools;
  }

  /** Writes on the raw response: see {@link PoolViewService.handle}. */
  @Get()
  show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#pools.handle(request, reply);
  }
}
