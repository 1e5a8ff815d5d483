import type { Log } from './agent.ts';
import { branded, isBranded } from './brand.ts';
import { ToolError } from './errors.ts';
import { issuesText } from './schema.ts';
import type { Schema } from './schema.ts';

export interface ToolContext {
  /** Aborts when the run ends, is cancelled, or the call has taken too long. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

export interface ToolDefinition<Input = unknown> {
  /** What the model calls it: letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  /** When to call it, and what it gives: the model reads this. */
  readonly description: string;
  /** An object schema, of Zod 4.2 or another library with Standard JSON Schema. */
  readonly input: Schema<Input>;
  /**
   * It computes for long: each call runs in a thread of its own, where it can be stopped. Such a
   * tool must be an export of its module, which that thread imports once more.
   */
  readonly isolated?: boolean | undefined;
  /**
   * It changes something (the default): it is called at most once for one call of the model, also
   * when its worker dies. `false` says that it only reads and may be called again.
   */
  readonly sideEffects?: boolean | undefined;
  /** Longest call, in seconds; the agent's `tool_timeout` stands beside it. */
  readonly timeout?: number | undefined;
  /** Text is given to the model as it is, anything else as JSON. */
  run(input: Input, context: ToolContext): unknown;
}

/** A tool, as {@link defineTool} gives it: which input its `run` takes, its schema knows. */
export interface Tool extends Omit<ToolDefinition, 'run'> {
  run(input: never, context: ToolContext): unknown;
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** @throws TypeError naming what is wrong with the definition */
export function defineTool<Input>(definition: ToolDefinition<Input>): Tool {
  const { name, description, input } = definition;
  const refuse = (problem: string): never => {
    throw new TypeError(`defineTool: ${typeof name === 'string' ? `${name}: ` : ''}${problem}`);
  };
  if (typeof name !== 'string' || !NAME.test(name)) {
    refuse('`name` must be letters, digits, _ and -, at most 64');
  }
  if (typeof description !== 'string' || description === '') {
    refuse('`description` must say what the tool is for');
  }
  if (typeof definition.run !== 'function') refuse('`run` must be a function');
  if (typeof input?.['~standard']?.jsonSchema?.input !== 'function') {
    refuse('`input` must be a schema of Zod 4.2 or later, or have Standard JSON Schema');
  }
  const { timeout = 1 } = definition;
  if (!(typeof timeout === 'number' && timeout > 0)) refuse('`timeout` must be seconds');
  const parameters = jsonSchemaOf(definition.input);
  if (parameters['type'] !== 'object') refuse('`input` must be the schema of an object');
  return Object.freeze(branded('tool', { ...definition }));
}

export function isTool(value: unknown): value is Tool {
  return isBranded('tool', value);
}

/** The JSON schema of a tool's arguments, for the model. */
export function parametersOf(tool: Tool): Readonly<Record<string, unknown>> {
  return jsonSchemaOf(tool.input);
}

/** The arguments as `run` takes them. @throws ToolError what is wrong, for the model */
export async function readInput(tool: Tool, value: unknown): Promise<never> {
  const checked = await tool.input['~standard'].validate(value);
  if (checked.issues === undefined) return checked.value as never;
  throw new ToolError(`Wrong arguments: ${issuesText(checked.issues)}`);
}

function jsonSchemaOf(schema: Schema): Record<string, unknown> {
  const { $schema: _, ...rest } = schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' });
  return rest;
}
