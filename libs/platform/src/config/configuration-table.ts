import type { Option, Options } from './options.ts';

/**
 * The options as a Markdown table, one row an option, in the order of their declaration. What it
 * prints is formatted as the project's formatter wants it: a generated page stays unchanged.
 */
export function configurationTable(options: Options): string {
  const head = ['Variable', 'Default', 'Value', 'What it does'];
  const rows = Object.entries(options).flatMap(([name, option]) => optionRows(name, option));
  const widths = head.map((_, at) =>
    Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function optionRows(name: string, option: Option<unknown>): string[][] {
  const row = [
    code(name),
    option.required ? '(required)' : code(option.fallbackText),
    cell(option.expected),
    cell(option.doc),
  ];
  if (!option.secret) return [row];
  return [row, [code(`${name}_FILE`), '', 'a path', `File that holds ${code(name)}.`]];
}

function cell(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replaceAll('|', String.raw`\|`);
}

function code(text: string): string {
  return text === '' ? '' : `\`${cell(text)}\``;
}
