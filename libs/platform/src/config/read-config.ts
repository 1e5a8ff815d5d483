import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';
import { secret } from './options.ts';
import type { Option, Options } from './options.ts';
import { Secret } from './secret.ts';

/** `MAX_BODY_BYTES` as `maxBodyBytes`. */
export type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>;

/** The typed object that a declaration reads into. */
export type Config<O extends Options> = {
  readonly [Name in keyof O & string as CamelCase<Name>]: O[Name] extends Option<infer T>
    ? T
    : never;
};

/** A rule between options. It runs only when all the variables it names are fine by themselves. */
export interface Check<O extends Options> {
  /** The variables in contradiction; the problem begins with their names. */
  readonly variables: readonly (keyof O & string)[];
  readonly holds: (config: Config<O>) => boolean;
  /** What must be so, without values: `the first must not exceed the second`. */
  readonly message: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Keeps the exact type of a declaration. Throws TypeError on a name that is not UPPER_CASE. */
export function defineOptions<const O extends Options>(options: O): O {
  for (const name of Object.keys(options)) {
    if (!/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(name)) throw new TypeError(`not a name: ${name}`);
  }
  return Object.freeze(options);
}

/**
 * Reads the declared options from `env` into a frozen object. An empty variable counts as unset;
 * what is not declared is ignored. Throws {@link ConfigError} with every problem at once.
 */
export function readConfig<O extends Options>(
  options: O,
  env: Environment,
  checks: readonly Check<NoInfer<O>>[] = [],
): Config<O> {
  const problems: string[] = [];
  const failed = new Set<string>();
  const entries = Object.entries(options).map(([name, option]) => {
    const result = readOption(name, option, env);
    if (result.problem !== undefined) {
      failed.add(name);
      problems.push(result.problem);
    }
    return [camelCase(name), result.value] as const;
  });
  // Built entry by entry from the declaration: a type cannot follow that.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const config = Object.freeze(Object.fromEntries(entries)) as Config<O>;
  for (const { variables, holds, message } of checks) {
    if (variables.some((name) => failed.has(name)) || holds(config)) continue;
    problems.push(`${variables.join(' and ')}: ${message}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/**
 * A secret whose name somebody else has chosen, from `env` or the file that `<name>_FILE` names.
 * Throws {@link ConfigError} when it is there in both, or the file cannot be read.
 */
export function readSecret(name: string, env: Environment): Secret | undefined {
  const { problem, value } = readOption(name, secret({ doc: '' }), env);
  if (problem !== undefined) throw new ConfigError([problem]);
  return value instanceof Secret ? value : undefined;
}

interface Reading {
  readonly value?: unknown;
  readonly problem?: string;
}

function readOption(name: string, option: Option<unknown>, env: Environment): Reading {
  const direct = textOf(env[name]);
  const path = option.secret ? textOf(env[`${name}_FILE`]) : undefined;
  if (direct !== undefined && path !== undefined) {
    return { problem: `${name} and ${name}_FILE: set only one of them` };
  }
  const file = path === undefined ? {} : readSecretFile(`${name}_FILE`, path);
  if (file.problem !== undefined) return file;
  const text = direct ?? file.text;
  if (text === undefined) {
    if (option.required) return { problem: `${name}: must be set: ${option.expected}` };
    return { value: option.fallback };
  }
  const parsed = option.parser.safeParse(text);
  return parsed.success
    ? { value: parsed.data }
    : { problem: `${name}: must be ${option.expected}` };
}

function readSecretFile(variable: string, path: string): { text?: string; problem?: string } {
  try {
    const text = textOf(readFileSync(path, 'utf8'));
    return text === undefined ? { problem: `${variable}: the file is empty` } : { text };
  } catch (thrown) {
    return { problem: `${variable}: the file cannot be read (${fileErrorCode(thrown)})` };
  }
}

/** `ENOENT` and the like: the message of a file error would show the path, which is a value. */
export function fileErrorCode(thrown: unknown): string {
  if (thrown instanceof Error && 'code' in thrown) return String(thrown.code);
  return 'unknown error';
}

function textOf(value: string | undefined): string | undefined {
  const text = value?.trim();
  return text === '' ? undefined : text;
}

function camelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
