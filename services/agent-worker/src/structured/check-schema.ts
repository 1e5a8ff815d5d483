/** Runs in a thread: a caller's schema may take its time, or be made to. */
import { Ajv2020 } from 'ajv/dist/2020.js';

/** What is wrong, in a few words. */
const PROBLEM_CHARS_MAX = 300;

export interface SchemaCheck {
  readonly schema: object;
  readonly text: string;
}

/** Empty: the text is JSON of this schema. What is wrong with it holds no word of the answer. */
export function checkSchema(input: unknown): string {
  const { schema, text } = input as SchemaCheck;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  // With `$async`, which is of Ajv alone, what is wrong would be told after this has returned.
  const { $schema: _, $id: __, $async: ___, ...rest } = schema as Record<string, unknown>;
  // Unknown keywords are the caller's business; a schema that cannot be used is told below.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
  let validate;
  try {
    validate = ajv.compile(rest);
  } catch {
    return 'the schema itself cannot be used';
  }
  if (validate(value)) return '';
  const [error] = validate.errors ?? [];
  const place = error?.schemaPath ?? 'the schema';
  return `${place} does not hold`.slice(0, PROBLEM_CHARS_MAX);
}
