import type { KeyEntry } from '../accounts/key-file.ts';

const HEADINGS = ['NAME', 'STATE', 'USER', 'TENANT', 'SCOPES', 'PRIORITY', 'EXPIRES', 'LIMITS'];

/** What may be shown of a key: everything but its hash. */
export function keysJson(entries: readonly KeyEntry[], nowMs: number): object {
  return {
    // Field by field: what an entry may have one day is not shown unseen.
    keys: entries.map((entry) => ({
      name: entry.name,
      state: stateOf(entry.expiresAt, entry.disabled, nowMs),
      user: entry.user ?? entry.name,
      tenant: entry.tenant,
      scopes: entry.scopes,
      priority: entry.priority,
      limits: entry.limits,
      createdAt: entry.createdAt,
      expiresAt: entry.expiresAt ?? null,
    })),
  };
}

/** The same as lines of a table. */
export function keysTable(entries: readonly KeyEntry[], nowMs: number): readonly string[] {
  const table = [HEADINGS, ...entries.map((entry) => rowOf(entry, nowMs))];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function rowOf(entry: KeyEntry, nowMs: number): string[] {
  const { name, user = name, tenant, scopes, priority, expiresAt, disabled, limits } = entry;
  return [
    name,
    stateOf(expiresAt, disabled, nowMs),
    user,
    tenant,
    scopes.join(','),
    priority,
    expiresAt ?? 'never',
    Object.entries(limits)
      .map(([limit, value]) => `${limit}=${value}`)
      .join(' ') || '-',
  ];
}

function stateOf(expiresAt: string | undefined, disabled: boolean, nowMs: number): string {
  if (disabled) return 'disabled';
  return expiresAt !== undefined && Date.parse(expiresAt) <= nowMs ? 'expired' : 'active';
}
