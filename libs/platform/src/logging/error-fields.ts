/**
 * What a log may say of an error. Only named fields are taken: errors of HTTP clients carry
 * headers, and bodies with prompts, and a parser's message quotes what it could not parse.
 */
export interface ErrorFields {
  readonly type: string;
  readonly message: string;
  readonly code?: string | number;
  readonly status?: number;
  readonly param?: string;
  /** Stack frames without the message. */
  readonly stack?: string;
  readonly cause?: ErrorFields;
  readonly errors?: readonly ErrorFields[];
}

const MESSAGE_MAX = 500;
const FRAMES_MAX = 15;
const DEPTH_MAX = 4;
const ERRORS_MAX = 10;

/** An error as loggable fields; anything else that was thrown by its type alone. Never throws. */
export function errorFields(thrown: unknown, depth = 0): ErrorFields {
  if (!(thrown instanceof Error)) {
    const text = typeof thrown === 'string' ? thrown.slice(0, MESSAGE_MAX) : 'not an error';
    return { type: typeof thrown, message: text };
  }
  const frames = framesOf(thrown);
  const deeper = depth < DEPTH_MAX;
  return {
    type: thrown.name,
    message: messageOf(thrown),
    ...codeOf(thrown),
    ...(frames === '' ? {} : { stack: frames }),
    ...(deeper && thrown.cause !== undefined
      ? { cause: errorFields(thrown.cause, depth + 1) }
      : {}),
    ...(deeper && thrown instanceof AggregateError
      ? { errors: thrown.errors.slice(0, ERRORS_MAX).map((one) => errorFields(one, depth + 1)) }
      : {}),
  };
}

function messageOf(error: Error): string {
  // JSON.parse says `Unexpected token 'x', "...the text..." is not valid JSON`.
  if (error instanceof SyntaxError && error.message.includes('JSON')) return 'not valid JSON';
  return error.message.slice(0, MESSAGE_MAX);
}

/** V8 puts the message before the frames, in as many lines as it has: only the frames are kept. */
function framesOf(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, FRAMES_MAX)
    .join('\n');
}

function codeOf(error: Error): Pick<ErrorFields, 'code' | 'status' | 'param'> {
  const code = 'code' in error ? error.code : undefined;
  const status = 'status' in error ? error.status : undefined;
  const param = 'param' in error ? error.param : undefined;
  return {
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof param === 'string' ? { param } : {}),
  };
}
