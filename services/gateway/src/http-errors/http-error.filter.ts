import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { recordOf } from '../access-log/request-record.ts';
import { frameworkError } from './framework-error.ts';
import { toPublicError } from './public-error.ts';
import type { RouteTable } from './route-table.ts';
import { sendError } from './send-error.ts';

interface ErrorLog {
  error(fields: object, message: string): void;
}

export interface HttpErrorOptions {
  readonly routes: RouteTable;
  readonly bodyMaxBytes: number;
  readonly log: ErrorLog;
}

/** Answers whatever is thrown outside the chat route in OpenAI's error shape. */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  readonly #options: HttpErrorOptions;

  constructor(options: HttpErrorOptions) {
    this.#options = options;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Also for errors of the router, which come before Nest. */
  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { routes, bodyMaxBytes, log } = this.#options;
    const record = recordOf(request.raw);
    const { requestId } = record;
    if (!reply.sent) reply.hijack();
    // Nobody is there to be told: a body that broke off is no failure of ours.
    if (request.raw.socket.destroyed) return;
    const path = (request.raw.url ?? '').split('?', 1)[0] ?? '';
    const allowed = routes.allowed(path);
    const line = { method: request.method, path, allowed };
    const error = frameworkError(thrown, line, bodyMaxBytes) ?? toPublicError(thrown, requestId);
    if (error.code === 'internal_error') {
      log.error({ requestId, err: thrown }, 'a request failed unforeseen');
    }
    const headers = error.code === 'method_not_allowed' ? { allow: allowed.join(', ') } : {};
    sendError(reply.raw, record, error, { headers });
  }
}
