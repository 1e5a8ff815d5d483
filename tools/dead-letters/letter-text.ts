import type { DeadLetter } from '@switchboard/transport';

const HEADINGS = ['ID', 'GIVEN UP', 'WHY', 'POOL', 'AGENT', 'REQUEST ID', 'BYTES'];

/** The letters as a table. */
export function lettersTable(letters: readonly DeadLetter[]): readonly string[] {
  const rows = letters.map((letter) => [
    String(letter.id),
    dateOf(letter),
    shown(letter.code),
    shown(letter.pool),
    shown(letter.agent),
    shown(letter.requestId),
    String(letter.sizeBytes),
  ]);
  const table = [HEADINGS, ...rows];
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

/** One letter, a line for each thing that is known of it. */
export function letterLines(letter: DeadLetter): readonly string[] {
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['id', String(letter.id)],
    ['given up', dateOf(letter)],
    ['why', shown(letter.code)],
    ['pool', shown(letter.pool)],
    ['agent', shown(letter.agent)],
    ['run', shown(letter.run)],
    ['request id', shown(letter.requestId)],
    ['size', `${letter.sizeBytes} bytes`],
  ];
  return facts.map(([name, value]) => `${name.padEnd(12)}${value}`);
}

/** A request as text: indented if it is JSON, else as it is. */
export function bodyText(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    // Given up because it is no JSON, most likely.
    return harmless(body);
  }
}

function dateOf({ givenUpAtMs }: DeadLetter): string {
  return new Date(givenUpAtMs).toISOString();
}

function shown(value: string | undefined): string {
  return value === undefined || value === '' ? '-' : harmless(value).replaceAll('\n', ' ');
}

/** Callers had a hand in these texts: none of them may steer the terminal. */
function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => (character === '\n' ? '\n' : '�'));
}
