/** Names of the items of responses. */
import { randomUUID } from 'node:crypto';

const ITEM_PREFIXES = {
  message: 'msg',
  function_call: 'fc',
  function_call_output: 'fco',
  reasoning: 'rs',
  mcp_call: 'mcp',
} as const;
export type ItemKind = keyof typeof ITEM_PREFIXES;

/** The id of the `place`-th item, from 0, of an answer: the same on every replay. */
export function outputItemId(kind: ItemKind, run: string, place: number): string {
  return `${ITEM_PREFIXES[kind]}_${run}_${place}`;
}

/** A fresh id for an item that its caller did not name. */
export function newItemId(kind: ItemKind): string {
  return `${ITEM_PREFIXES[kind]}_${randomUUID().replaceAll('-', '')}`;
}
