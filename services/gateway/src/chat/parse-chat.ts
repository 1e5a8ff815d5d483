/** From the body of a request to what the queue takes, or to one error that names what is wrong. */
import { SwitchboardError } from '@switchboard/contract';
import type { ChatRequest } from '@switchboard/contract';
import { ChatCompletionBody } from './chat-schema.ts';
import { refuseUnsupported } from './unsupported.ts';
import { describeIssues } from './validation-issue.ts';

/** One checked request. */
export interface ParsedChat {
  /** As the caller wrote it. */
  readonly model: string;
  readonly stream: boolean;
  /** Whether the stream ends with a chunk that holds the token counts. */
  readonly includeUsage: boolean;
  /** The end user, as the caller names them. */
  readonly user: string | undefined;
  /** Everything but `model` and `stream`, as it came: nothing is copied but the top level. */
  readonly chat: ChatRequest;
}

/**
 * @throws SwitchboardError `invalid_request` or `unsupported_parameter`, with `param` as a path
 * (`messages[0].content`). The message never repeats what the caller wrote.
 */
export function parseChat(body: unknown): ParsedChat {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new SwitchboardError('invalid_request', 'The request body must be a JSON object.');
  }
  refuseUnsupported(body as Record<string, unknown>);
  const checked = ChatCompletionBody.safeParse(body);
  if (!checked.success) {
    const { param, message } = describeIssues(checked.error.issues);
    throw new SwitchboardError('invalid_request', message, { param });
  }
  // The body itself goes on, not zod's copy of it: the same values in the caller's own order.
  const { model, stream, ...chat } = body as ChatCompletionBody & ChatRequest;
  if (stream !== true && chat.stream_options !== undefined && chat.stream_options !== null) {
    const message = '`stream_options` is only allowed with `stream`: true.';
    throw new SwitchboardError('invalid_request', message, { param: 'stream_options' });
  }
  return {
    model,
    stream: stream === true,
    includeUsage: chat.stream_options?.include_usage === true,
    user: chat.user ?? chat.safety_identifier ?? undefined,
    chat,
  };
}
