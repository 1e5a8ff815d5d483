import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { SwitchboardError } from '@switchboard/contract';
import type { FastifyReply } from 'fastify';
import { DOCS_POLICY } from '../http-guard/security-headers.ts';
import { DocsPage } from './docs-page.ts';

@Controller('docs')
export class DocsController {
  readonly #page: DocsPage;

  constructor(@Inject(DocsPage) page: DocsPage) {
    this.#page = page;
  }

  @Get()
  page(@Res() reply: FastifyReply): Promise<void> {
    return this.#send('', reply);
  }

  @Get(':name')
  file(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    return this.#send(name, reply);
  }

  async #send(name: string, reply: FastifyReply): Promise<void> {
    const file = await this.#page.file(name);
    if (file === undefined) {
      throw new SwitchboardError('unknown_route', 'There is no such page under /docs.');
    }
    void reply
      .header('content-type', file.type)
      .header('content-security-policy', DOCS_POLICY)
      .send(file.body);
  }
}
