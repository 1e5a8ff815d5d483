import { HttpException } from '@nestjs/common';
import { SwitchboardError } from '@switchboard/contract';

/** The longest part of a caller's path that is repeated in an error. */
const PATH_SHOWN_MAX = 200;

export interface RequestLine {
  readonly method: string;
  readonly path: string;
  /** Methods that the path has, if it has any. */
  readonly allowed: readonly string[];
}

/**
 * What Nest and Fastify throw before a controller runs, as one of our codes. Undefined for anything
 * else: that is unforeseen.
 */
export function frameworkError(
  thrown: unknown,
  line: RequestLine,
  bodyMaxBytes: number,
): SwitchboardError | undefined {
  if (!(thrown instanceof HttpException)) return fastifyError(codeOf(thrown), bodyMaxBytes);
  const status = thrown.getStatus();
  if (status === 404) return noRoute(line);
  const known = fastifyError(codeOf(thrown.cause), bodyMaxBytes);
  if (known !== undefined || status >= 500) return known;
  return new SwitchboardError('invalid_request', 'The request cannot be read.');
}

function noRoute({ method, path, allowed }: RequestLine): SwitchboardError {
  const shown = path.slice(0, PATH_SHOWN_MAX);
  if (allowed.length === 0) {
    return new SwitchboardError('unknown_route', `There is no route ${method} ${shown}.`);
  }
  const message = `${shown} does not allow ${method}, only ${allowed.join(', ')}.`;
  return new SwitchboardError('method_not_allowed', message);
}

function fastifyError(code: string, bodyMaxBytes: number): SwitchboardError | undefined {
  switch (code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new SwitchboardError('invalid_request', 'The request body is not valid JSON.');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new SwitchboardError('invalid_request', 'The request body is empty.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new SwitchboardError('invalid_request', 'The body is not as long as Content-Length.');
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const message = `The request body is larger than the limit of ${bodyMaxBytes} bytes.`;
      return new SwitchboardError('body_too_large', message);
    }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_TYPE': {
      const message = 'The request must have the content type application/json.';
      return new SwitchboardError('unsupported_media_type', message);
    }
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new SwitchboardError('invalid_request', 'The URL of the request is not valid.');
    default:
      return undefined;
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}
