import type { FastifyInstance } from 'fastify';
import { checkDepth } from './json-depth.ts';

/**
 * JSON is the only kind of body. Fastify's parser refuses what would change a prototype.
 *
 * OpenAI's Python SDK says that it sends JSON, and sends nothing, where a call has no body
 * (`responses.cancel`). Routes that need one say so themselves.
 */
export function acceptJsonBodies(instance: FastifyInstance): void {
  const parse = instance.getDefaultJsonParser('error', 'error');
  instance.removeContentTypeParser(['application/json', 'text/plain']);
  instance.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      const needsNone = request.routeOptions.url?.includes(':id') === true;
      if (needsNone && body.length === 0) {
        done(null, undefined);
        return;
      }
      void parse(request, String(body), (error, parsed: unknown) => {
        done(error ?? depthError(parsed), parsed);
      });
    },
  );
}

function depthError(parsed: unknown): Error | null {
  try {
    checkDepth(parsed);
    return null;
  } catch (error) {
    return error as Error;
  }
}
