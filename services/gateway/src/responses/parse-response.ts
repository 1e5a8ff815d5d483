/** From the body of a Responses request to what the queue takes, or to one error. */
import { SwitchboardError } from '@switchboard/contract';
import type { ChatRequest } from '@switchboard/contract';
import { describeIssues } from '../chat/validation-issue.ts';
import { chatFields } from './chat-fields.ts';
import { instructionsOf, toMessages } from './conversation.ts';
import { inputItems } from './input-items.ts';
import { messagesOf } from './item-messages.ts';
import type { Item } from './item-schema.ts';
import { CreateResponseBody, INPUT_ITEMS_MAX } from './request-schema.ts';
import { responseEcho } from './response-echo.ts';
import { newItemId } from './item-id.ts';
import type { ItemKind } from './item-id.ts';
import type { ResponseEcho } from './response-schema.ts';
import { refuseUnsupported } from './unsupported-response.ts';

/** One checked request. */
export interface ParsedResponse {
  /** As the caller wrote it. */
  readonly model: string;
  readonly stream: boolean;
  readonly background: boolean;
  readonly store: boolean;
  /**
   * For the provider. With a `previousResponseId` its messages are those of this request alone:
   * `toMessages` makes the whole conversation.
   */
  readonly chat: ChatRequest;
  /** In the order of the request, each with an id. */
  readonly inputItems: readonly Item[];
  readonly instructions: string | null;
  readonly previousResponseId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** What the caller wants; undefined: what the agent has. */
  readonly truncation: 'auto' | 'disabled' | undefined;
  /** The end user, as the caller names them. */
  readonly user: string | undefined;
  /** What the response repeats of the request. */
  readonly echo: ResponseEcho;
}

/**
 * @param newId makes an id for an item that has none.
 * @throws SwitchboardError `invalid_request` or `unsupported_parameter`, with `param` as a path
 * (`input[0].content[1].text`). The message never repeats what the caller wrote.
 */
export function parseResponseRequest(
  body: unknown,
  newId: (kind: ItemKind) => string = newItemId,
): ParsedResponse {
  if (!isObject(body)) {
    throw new SwitchboardError('invalid_request', 'The request body must be a JSON object.');
  }
  refuseUnsupported(body);
  const checked = CreateResponseBody.safeParse(withTypes(body));
  if (!checked.success) {
    const { param, message } = describeIssues(checked.error.issues);
    throw new SwitchboardError('invalid_request', message, { param });
  }
  const request = checked.data;
  refuseContradictions(request);
  const echo = responseEcho(request);
  const items = inputItems(request.input ?? [], newId);
  return {
    model: request.model,
    stream: request.stream === true,
    background: request.background === true,
    store: echo.store,
    chat: { ...chatFields(request), messages: messagesFor(request, items) },
    inputItems: items,
    instructions: echo.instructions,
    previousResponseId: echo.previous_response_id,
    metadata: echo.metadata,
    truncation: request.truncation ?? undefined,
    user: request.user ?? request.safety_identifier ?? undefined,
    echo,
  };
}

function messagesFor(request: CreateResponseBody, items: readonly Item[]): ChatRequest['messages'] {
  const { previous_response_id: previous, instructions = null } = request;
  if (isSet(previous)) return [...instructionsOf(instructions), ...messagesOf(items)];
  const input = messagesOf(items);
  if (input.length === 0) throw invalid('input', 'must have at least one message');
  return toMessages([], { instructions, inputItems: items, truncation: 'disabled' });
}

function refuseContradictions(request: CreateResponseBody): void {
  if (request.background === true && request.store === false) {
    throw invalid('background', 'needs `store`: a background response is read after it was made');
  }
  if (request.stream !== true && isSet(request.stream_options)) {
    throw invalid('stream_options', 'is only allowed with `stream`: true');
  }
  if (!isSet(request.input) && !isSet(request.previous_response_id)) {
    throw invalid('input', 'is required');
  }
  const { tool_choice: choice } = request;
  const tools = new Set((request.tools ?? []).map(({ name }) => name));
  if (!isSet(choice) || choice === 'auto' || choice === 'none') return;
  if (tools.size === 0) throw invalid('tool_choice', 'is only allowed with `tools`');
  if (typeof choice === 'string') return;
  if (choice.type === 'function') {
    if (!tools.has(choice.name)) throw invalid('tool_choice.name', 'is not one of `tools`');
    return;
  }
  const unknown = choice.tools.findIndex(({ name }) => !tools.has(name));
  if (unknown >= 0) throw invalid(`tool_choice.tools[${unknown}].name`, 'is not one of `tools`');
}

/** Messages may come without their type: they alone have a role. */
function withTypes(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { input } = body;
  if (!Array.isArray(input) || input.length > INPUT_ITEMS_MAX) return body;
  const typed = input.map((item: unknown) =>
    isObject(item) && !isSet(item['type']) && isSet(item['role'])
      ? { ...item, type: 'message' }
      : item,
  );
  return { ...body, input: typed };
}

function invalid(param: string, reason: string): SwitchboardError {
  return new SwitchboardError('invalid_request', `\`${param}\` ${reason}.`, { param });
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
