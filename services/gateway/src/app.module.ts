import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { ChatController } from './chat/chat.controller.ts';
import { ChatService } from './chat/chat.service.ts';
import { DocsController } from './docs/docs.controller.ts';
import { DocsPage } from './docs/docs-page.ts';
import { HealthController } from './health/health.controller.ts';
import { Readiness } from './health/readiness.ts';
import { ModelCatalogue } from './models/model-catalogue.ts';
import { ModelsController } from './models/models.controller.ts';
import { PoolViewController } from './pool-view/pool-view.controller.ts';
import { PoolViewService } from './pool-view/pool-view.service.ts';
import { ResponsesController } from './responses/responses.controller.ts';
import { ResponsesService } from './responses/responses.service.ts';

/** What the controllers answer with: plain objects, made outside Nest. */
export interface AppParts {
  readonly chat: ChatService;
  readonly responses: ResponsesService;
  readonly models: ModelCatalogue;
  readonly pools: PoolViewService;
  readonly readiness: Readiness;
  readonly docs: DocsPage;
}

@Module({})
// Nest names a module by its class, also one that only wires.
// oxlint-disable-next-line typescript/no-extraneous-class
export class AppModule {
  static with(parts: AppParts): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        ChatController,
        ResponsesController,
        ModelsController,
        PoolViewController,
        HealthController,
        DocsController,
      ],
      providers: [
        { provide: ChatService, useValue: parts.chat },
        { provide: ResponsesService, useValue: parts.responses },
        { provide: ModelCatalogue, useValue: parts.models },
        { provide: PoolViewService, useValue: parts.pools },
        { provide: Readiness, useValue: parts.readiness },
        { provide: DocsPage, useValue: parts.docs },
      ],
    };
  }
}
