import { SwitchboardError } from '@switchboard/contract';

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;

export interface ItemsPage<Item> {
  readonly object: 'list';
  readonly data: readonly Item[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

/**
 * One page of items, newest first unless `order=asc`; `after` is the id of the last item of the
 * page before. @throws SwitchboardError `invalid_request`
 */
export function itemsPage<Item extends { readonly id: string }>(
  items: readonly Item[],
  query: unknown,
): ItemsPage<Item> {
  const { after, limit = String(LIMIT_DEFAULT), order = 'desc' } = query as Record<string, unknown>;
  if (order !== 'asc' && order !== 'desc') throw invalid('order', 'must be `asc` or `desc`');
  const most = typeof limit === 'string' && /^\d{1,4}$/.test(limit) ? Number(limit) : 0;
  if (most < 1 || most > LIMIT_MAX) throw invalid('limit', `must be from 1 to ${LIMIT_MAX}`);
  const ordered = order === 'asc' ? items : items.toReversed();
  const from = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && from === 0) throw invalid('after', 'must be the id of an item');
  const data = ordered.slice(from, from + most);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + most < ordered.length,
  };
}

function invalid(param: string, problem: string): SwitchboardError {
  return new SwitchboardError('invalid_request', `\`${param}\` ${problem}.`, { param });
}
