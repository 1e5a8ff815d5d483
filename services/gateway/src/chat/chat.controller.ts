import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChatService } from './chat.service.ts';

@Controller('v1/chat/completions')
export class ChatController {
  readonly #chat: ChatService;

  constructor(@Inject(ChatService) chat: ChatService) {
    this.#chat = chat;
  }

  /** Writes on the raw response: see {@link ChatService.handle}. */
  @Post()
  complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#chat.handle(request, reply);
  }
}
