/** What every drill ends with. */
export interface DrillResult {
  readonly seed: number;
  /** Names and values of the table. */
  readonly figures: Readonly<Record<string, number | string>>;
  /** Broken promises with what shows them; empty when all were kept. */
  readonly violations: readonly string[];
}

export type { Say } from '@switchboard/command-line';

export function table({ figures }: DrillResult): string {
  const rows = Object.entries(figures);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
}
