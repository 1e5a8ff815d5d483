/**
 * What OpenAI's API knows and Switchboard does not do. Each is refused by name: a parameter that is
 * silently ignored costs its caller more than one that is refused.
 */
import { SwitchboardError } from '@switchboard/contract';

type Json = Readonly<Record<string, unknown>>;

/** Refused whenever they are set at all. */
const FIELDS: Readonly<Record<string, string>> = {
  audio: 'Audio answers are not supported.',
  functions: '`functions` is not supported: use `tools`.',
  function_call: '`function_call` is not supported: use `tool_choice`.',
  web_search_options: 'Web search is not supported.',
};

const PARTS: Readonly<Record<string, string>> = {
  input_audio: 'Audio content parts are not supported.',
  file: 'File content parts are not supported.',
};

/** Content parts and tool calls of all messages together. */
const ELEMENTS_MAX = 16_384;

/** @throws SwitchboardError `unsupported_parameter` naming the first one found. */
export function refuseUnsupported(body: Json): void {
  for (const [field, message] of Object.entries(FIELDS)) {
    if (isSet(body[field])) throw unsupported(field, message);
  }
  if (typeof body['n'] === 'number' && body['n'] > 1) {
    throw unsupported('n', 'Only one answer a request (`n`: 1) is supported.');
  }
  if (body['store'] === true) {
    throw unsupported('store', 'Answers are not stored: `store` must be false or absent.');
  }
  if (Array.isArray(body['modalities']) && body['modalities'].some((item) => item !== 'text')) {
    throw unsupported('modalities', 'The only supported modality is "text".');
  }
  if (Array.isArray(body['messages'])) refuseInMessages(body['messages']);
  if (Array.isArray(body['tools'])) {
    body['tools'].forEach((tool: unknown, index) => refuseCustom(tool, `tools[${index}].type`));
  }
  refuseCustom(body['tool_choice'], 'tool_choice.type');
}

/** Also bounds the sum over all messages, which the schema of one message cannot see. */
function refuseInMessages(messages: readonly unknown[]): void {
  let elements = 0;
  messages.forEach((message, index) => {
    if (!isObject(message)) return;
    const { content, tool_calls: calls } = message;
    if (Array.isArray(content)) elements += content.length;
    if (Array.isArray(calls)) elements += calls.length;
    if (elements > ELEMENTS_MAX) {
      const text = `The messages have more than ${ELEMENTS_MAX} content parts and tool calls.`;
      throw new SwitchboardError('invalid_request', text, { param: 'messages' });
    }
    refuseInMessage(message, index);
  });
}

function refuseInMessage(message: Json, index: number): void {
  const path = `messages[${index}]`;
  if (message['role'] === 'function') {
    throw unsupported(`${path}.role`, 'The role "function" is not supported: use "tool".');
  }
  if (isSet(message['function_call'])) {
    throw unsupported(
      `${path}.function_call`,
      '`function_call` is not supported: use `tool_calls`.',
    );
  }
  if (isSet(message['audio'])) {
    throw unsupported(`${path}.audio`, 'Audio answers are not supported.');
  }
  const { content, tool_calls: calls } = message;
  if (Array.isArray(content)) {
    content.forEach((part: unknown, place) => {
      const reason = isObject(part) ? PARTS[String(part['type'])] : undefined;
      if (reason !== undefined) throw unsupported(`${path}.content[${place}]`, reason);
    });
  }
  if (Array.isArray(calls)) {
    calls.forEach((call: unknown, at) => refuseCustom(call, `${path}.tool_calls[${at}].type`));
  }
}

function refuseCustom(value: unknown, param: string): void {
  if (isObject(value) && value['type'] === 'custom') {
    throw unsupported(param, 'Custom tools are not supported: use tools of the type "function".');
  }
}

function unsupported(param: string, message: string): SwitchboardError {
  return new SwitchboardError('unsupported_parameter', message, { param });
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
