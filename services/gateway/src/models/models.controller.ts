import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ModelCatalogue } from './model-catalogue.ts';
import type { Model } from './model-catalogue.ts';

@Controller('v1/models')
export class ModelsController {
  readonly #catalogue: ModelCatalogue;

  constructor(@Inject(ModelCatalogue) catalogue: ModelCatalogue) {
    this.#catalogue = catalogue;
  }

  @Get()
  list(): { object: 'list'; data: Model[] } {
    return this.#catalogue.list();
  }

  /** A wildcard, because names have slashes. */
  @Get('*')
  get(@Param('*') id: string): Model {
    return this.#catalogue.get(id);
  }
}
