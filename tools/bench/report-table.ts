import type { FigureResult } from './run-figures.ts';
import { valueText } from './row.ts';
import type { Row } from './row.ts';

const HEAD = ['figure', 'value', 'bound', 'verdict'] as const;

/** One table of all rows, grouped by figure. */
export function reportTable(results: readonly FigureResult[]): string {
  const groups = results.map(({ figure, othersCores, rows }) => [
    [`${figure}${others(othersCores)}`, '', '', ''],
    ...rows.map((row) => [`  ${row.name}`, valueText(row), row.bound ?? '', verdict(row)]),
  ]);
  const lines = [[...HEAD], ...groups.flat()];
  const widths = HEAD.map((_, column) => {
    return Math.max(...lines.map((cells) => cells[column]?.length ?? 0));
  });
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  const text = lines.map((cells) => cells.map(align(widths)).join('  ').trimEnd());
  return [text[0], rule, ...text.slice(1)].join('\n');
}

/** Shown when it may have cost something. */
function others(cores: number): string {
  return cores >= 0.1 ? ` (others took ${cores.toFixed(1)} cores)` : '';
}

/** Values are right-aligned, everything else left. */
function align(widths: readonly number[]) {
  return (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column === 1 ? cell.padStart(width) : cell.padEnd(width);
  };
}

function verdict({ met }: Row): string {
  if (met === null) return '';
  return met ? 'ok' : 'MISSED';
}
