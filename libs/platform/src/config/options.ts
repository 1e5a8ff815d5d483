/**
 * How an option of a service is declared: once, with its sentence of documentation, default, range
 * and parser. Reading, error messages and the configuration table all come from this declaration.
 */
import { z } from 'zod';
import { Secret } from './secret.ts';

export interface Option<T> {
  /** One or two sentences: what it does, when to change it, what it excludes. */
  readonly doc: string;
  /** What a value must be, as it stands after "must be": `an integer from 1 to 10`. */
  readonly expected: string;
  /** Used when the variable is unset or empty. */
  readonly fallback: T;
  /** The default as the table shows it; empty where there is none. */
  readonly fallbackText: string;
  /** Without a value the service does not start. */
  readonly required: boolean;
  /** Never shown, and also read from the file that `<NAME>_FILE` names. */
  readonly secret: boolean;
  readonly parser: z.ZodType<T, string>;
}

/** The options of one service by the name of their environment variable. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** What every kind of option may say. With neither `default` nor `required` it may be undefined. */
interface Declaration<T> {
  readonly doc: string;
  readonly default?: T;
  /** For a default that differs from machine to machine: how the table names it. */
  readonly defaultText?: string;
  readonly required?: true;
}

type Present<D> = D extends { default: unknown } | { required: true } ? true : false;
type Read<T, D> = Option<Present<D> extends true ? T : T | undefined>;

/** Any text. Spaces around it are dropped, here and in every other kind. */
export function string<const D extends Declaration<string>>(declaration: D): Read<string, D> {
  return declare(declaration, 'text', z.string());
}

/** A {@link Secret}: a key or a password, given directly or by `<NAME>_FILE`. No default. */
export function secret<const D extends Omit<Declaration<never>, 'default' | 'defaultText'>>(
  declaration: D,
): Read<Secret, D> {
  const parser = z.string().transform((text) => new Secret(text));
  return { ...declare<Secret, D>(declaration, 'a secret', parser), secret: true };
}

/** A TCP port. 0 lets the system choose a free one. */
export function port<const D extends Declaration<number>>(declaration: D): Read<number, D> {
  return declare(declaration, 'a port from 0 to 65535', wholeNumber(0, 65_535));
}

interface Range {
  readonly min: number;
  readonly max: number;
}

/** A whole number within bounds, both included. */
export function integer<const D extends Declaration<number> & Range>(
  declaration: D,
): Read<number, D> {
  const { min, max } = declaration;
  return declare(declaration, `an integer from ${min} to ${max}`, wholeNumber(min, max));
}

/** A whole number of milliseconds within bounds, both included. */
export function duration<const D extends Declaration<number> & Range>(
  declaration: D,
): Read<number, D> {
  const { min, max } = declaration;
  return declare(declaration, `milliseconds from ${min} to ${max}`, wholeNumber(min, max));
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** A size in bytes within bounds, both included; `64KiB`, `4MiB` and `1GiB` are understood. */
export function bytes<const D extends Declaration<number> & Range>(
  declaration: D,
): Read<number, D> {
  const { min, max } = declaration;
  const parser = z
    .string()
    .regex(/^\d{1,15} ?(KiB|MiB|GiB)?$/)
    .transform((text) => Number.parseInt(text, 10) * (BYTE_UNITS[text.slice(-3)] ?? 1))
    .pipe(z.number().min(min).max(max));
  const expected = `bytes (or KiB, MiB, GiB) from ${bytesText(min)} to ${bytesText(max)}`;
  const fallback = declaration.default;
  const defaultText =
    declaration.defaultText ?? (fallback === undefined ? '' : bytesText(fallback));
  return { ...declare<number, D>(declaration, expected, parser), fallbackText: defaultText };
}

interface UrlRules {
  /** Accepted schemes, without the colon: `['http', 'https']`. */
  readonly protocols: readonly string[];
  /** Several addresses, separated by commas. */
  readonly list?: true;
}

/**
 * An address. One with a user or a password in it is refused: addresses are printed and logged, so
 * credentials have variables of their own.
 */
export function url<const D extends Declaration<string> & UrlRules>(
  declaration: D,
): Read<string, D> {
  const { protocols, list } = declaration;
  const parts = (text: string) => (list === true ? text.split(',') : [text]);
  const parser = z
    .string()
    .refine((text) => parts(text).every((part) => isPlainUrl(part.trim(), protocols)));
  const schemes = protocols.map((protocol) => `${protocol}://`).join(' or ');
  const what = list === true ? 'addresses, separated by commas, each' : 'an address';
  return declare(declaration, `${what} with ${schemes} and no user or password`, parser);
}

/** One of a few words. */
export function choice<const V extends string, const D extends Declaration<V>>(
  values: readonly [V, ...V[]],
  declaration: D,
): Read<V, D> {
  return declare(declaration, `one of ${values.join(', ')}`, z.enum(values));
}

/** `true` or `false`; `1` and `0` are understood. */
export function boolean<const D extends Declaration<boolean>>(declaration: D): Read<boolean, D> {
  const parser = z
    .enum(['true', 'false', '1', '0'])
    .transform((text) => text === 'true' || text === '1');
  return declare(declaration, 'true or false', parser);
}

function declare<T, D extends Declaration<T>>(
  declaration: D,
  expected: string,
  parser: z.ZodType<T, string>,
): Read<T, D> {
  const fallback = declaration.default;
  const option: Option<T | undefined> = {
    doc: declaration.doc,
    expected,
    fallback,
    fallbackText: declaration.defaultText ?? (fallback === undefined ? '' : String(fallback)),
    required: declaration.required === true,
    secret: false,
    parser,
  };
  // With a default or `required`, a read value is never undefined: that is what Read says.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return option as Read<T, D>;
}

function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^-?\d{1,15}$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

function isPlainUrl(text: string, protocols: readonly string[]): boolean {
  const parsed = URL.parse(text);
  if (parsed === null || parsed.username !== '' || parsed.password !== '') return false;
  return parsed.hostname !== '' && protocols.includes(parsed.protocol.slice(0, -1));
}

function bytesText(size: number): string {
  for (const [unit, factor] of Object.entries(BYTE_UNITS).toReversed()) {
    if (size >= factor && size % factor === 0) return `${size / factor}${unit}`;
  }
  return String(size);
}
