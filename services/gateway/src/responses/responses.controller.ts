import { Controller, Delete, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ResponsesService } from './responses.service.ts';

/** Each writes on the raw response: see {@link ResponsesService}. */
@Controller('v1/responses')
export class ResponsesController {
  readonly #responses: ResponsesService;

  constructor(@Inject(ResponsesService) responses: ResponsesService) {
    this.#responses = responses;
  }

  @Post()
  create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#responses.create(request, reply);
  }

  @Get(':id')
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#responses.read(request, reply);
  }

  @Get(':id/input_items')
  inputItems(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#responses.inputItems(request, reply);
  }

  @Post(':id/cancel')
  cancel(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#responses.cancel(request, reply);
  }

  @Delete(':id')
  delete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#responses.delete(request, reply);
  }
}
