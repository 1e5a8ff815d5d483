import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { SwitchboardError } from '@switchboard/contract';
import type { FastifyReply } from 'fastify';
import { DocsPage } from './docs-page.ts';

/** Own files only; Swagger UI sets styles from its script. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

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
      .header('content-security-policy', CONTENT_SECURITY_POLICY)
      .header('x-content-type-options', 'nosniff')
      .send(file.body);
  }
}
