import { parseArgs } from 'node:util';

import { UsageError } from './usage-error.ts';

/** The flags of a command by their names, without dashes. `--help` and `-h` come by themselves. */
export type Flags = Readonly<Record<string, 'string' | 'boolean'>>;

/** What was given: nothing of a flag that was not. */
export type Read<Known extends Flags> = {
  readonly [Name in keyof Known]?: Known[Name] extends 'boolean' ? boolean : string;
};

/** Reads flags alone; 'help' when that is what was asked for. @throws UsageError */
export function readFlags<const Known extends Flags>(
  argv: readonly string[],
  flags: Known,
): Read<Known> | 'help' {
  const read = parse(argv, flags, false);
  return read === 'help' ? read : read.flags;
}

/** Reads flags and, in their order, the words between them. @throws UsageError */
export function readArguments<const Known extends Flags>(
  argv: readonly string[],
  flags: Known,
): { readonly flags: Read<Known>; readonly words: readonly string[] } | 'help' {
  return parse(argv, flags, true);
}

function parse<Known extends Flags>(
  argv: readonly string[],
  flags: Known,
  allowPositionals: boolean,
): { flags: Read<Known>; words: readonly string[] } | 'help' {
  const known = Object.entries(flags).map(([name, type]) => [name, { type }] as const);
  const options = { ...Object.fromEntries(known), help: { type: 'boolean', short: 'h' } } as const;
  try {
    const { positionals, values } = parseArgs({ args: [...argv], options, allowPositionals });
    if (values['help'] === true) return 'help';
    return { flags: values as Read<Known>, words: positionals };
  } catch (error) {
    throw new UsageError(firstSentence(error), { cause: error });
  }
}

/** The first sentence names the flag; the rest is advice about dashes. */
function firstSentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const sentence = (message.split('. ')[0] ?? message).split('\n')[0] ?? message;
  return `${sentence.replace(/\.$/, '')}.`;
}
