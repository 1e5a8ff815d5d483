/** Input items and content parts that Switchboard has no way to give to a model. */
import { SwitchboardError } from '@switchboard/contract';
import { INPUT_ITEM_TYPES, INPUT_PART_TYPES } from './input-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** Content parts of all items together. */
const PARTS_MAX = 16_384;

const PARTS: Readonly<Record<string, string>> = {
  file_id: 'Files cannot be uploaded here: send the contents.',
  file_url: 'Files by address are not supported: send `file_data`.',
};

/**
 * Also bounds the sum over all items, which the schema of one item cannot see.
 *
 * @throws SwitchboardError `unsupported_parameter` or `invalid_request` naming the first one.
 */
export function refuseInInput(items: readonly unknown[]): void {
  let count = 0;
  items.forEach((item, index) => {
    if (!isObject(item)) return;
    for (const name of ['content', 'output', 'summary']) {
      const list = item[name];
      if (Array.isArray(list)) count += list.length;
    }
    if (count > PARTS_MAX) {
      const text = `The input items have more than ${PARTS_MAX} parts.`;
      throw new SwitchboardError('invalid_request', text, { param: 'input' });
    }
    refuseItem(item, `input[${index}]`);
  });
}

function refuseItem(item: Json, path: string): void {
  const { type } = item;
  const reference = !isSet(type) && !isSet(item['role']) && typeof item['id'] === 'string';
  if (type === 'item_reference' || reference) {
    throw unsupported(
      isSet(type) ? `${path}.type` : path,
      'Item references are not supported: send the item, or use `previous_response_id`.',
    );
  }
  if (typeof type === 'string' && !INPUT_ITEM_TYPES.includes(type)) {
    throw unsupported(`${path}.type`, `Input items can be ${quoted(INPUT_ITEM_TYPES)}.`);
  }
  if (Array.isArray(item['output'])) {
    item['output'].forEach((part: unknown, index) =>
      refuseOutput(part, `${path}.output[${index}]`),
    );
  }
  // Parts of reasoning have types of their own, and go nowhere.
  if (type === 'reasoning' || !Array.isArray(item['content'])) return;
  item['content'].forEach((part: unknown, index) => refusePart(part, `${path}.content[${index}]`));
}

function refusePart(part: unknown, path: string): void {
  if (!isObject(part)) return;
  const { type } = part;
  if (typeof type === 'string' && !INPUT_PART_TYPES.includes(type)) {
    throw unsupported(`${path}.type`, `Content parts can be ${quoted(INPUT_PART_TYPES)}.`);
  }
  for (const [field, message] of Object.entries(PARTS)) {
    if (isSet(part[field])) throw unsupported(`${path}.${field}`, message);
  }
}

function refuseOutput(part: unknown, path: string): void {
  if (!isObject(part) || typeof part['type'] !== 'string' || part['type'] === 'input_text') return;
  throw unsupported(`${path}.type`, 'Outputs of functions can be text only.');
}

function quoted(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
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
