import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { z } from 'zod';

/** A tool as its server describes it, within bounds. */
export interface ListedTool {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly sideEffects: boolean;
}

export interface ToolList {
  readonly tools: readonly ListedTool[];
  /** Why some are left out: a sentence without the server's name. */
  readonly problems: readonly string[];
}

const PAGES_MAX = 64;
const TOOLS_MAX = 256;
const NAME_LENGTH_MAX = 256;
const DESCRIPTION_LENGTH_MAX = 8_000;
/** As JSON. All of them go into every request to the model. */
const SCHEMA_LENGTH_MAX = 64 * 1024;
const SCHEMAS_LENGTH_MAX = 512 * 1024;
const SCHEMA_DEPTH_MAX = 32;
const PROBLEMS_MAX = 16;

/** One bad tool must not hide the others: each is looked at by itself. */
const Page = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.string().optional() });
const Named = z.looseObject({ name: z.string().min(1).max(NAME_LENGTH_MAX) });
const Described = z.looseObject({
  description: z.string().optional(),
  inputSchema: z.looseObject({ type: z.literal('object') }),
  annotations: z.looseObject({ readOnlyHint: z.unknown().optional() }).optional(),
  execution: z.looseObject({ taskSupport: z.unknown().optional() }).optional(),
});

/**
 * All tools of a server, over as many pages as it has.
 * @param only the operator's choice; undefined: all
 */
export async function listTools(
  client: Client,
  only: readonly string[] | undefined,
  timeoutMs: number,
): Promise<ToolList> {
  const builder = new ListBuilder(only);
  let cursor: string | undefined;
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const request = { method: 'tools/list' as const, params };
    const { tools, nextCursor } = await client.request(request, Page, { timeout: timeoutMs });
    for (const tool of tools) builder.add(tool);
    // Some servers say with an empty one that there are no more.
    if (nextCursor === undefined || nextCursor === '') return builder.build();
    cursor = nextCursor;
    if (builder.full) break;
  }
  builder.problem('it has more tools than are looked at');
  return builder.build();
}

class ListBuilder {
  readonly #only: ReadonlySet<string> | undefined;
  readonly #tools = new Map<string, ListedTool>();
  readonly #missing: Set<string>;
  readonly #problems: string[] = [];
  #schemasLength = 0;

  constructor(only: readonly string[] | undefined) {
    this.#only = only === undefined ? undefined : new Set(only);
    this.#missing = new Set(only);
  }

  get full(): boolean {
    return this.#tools.size >= TOOLS_MAX;
  }

  add(value: unknown): void {
    const named = Named.safeParse(value);
    if (!named.success) {
      this.problem('a tool without a name of fitting length is left out');
      return;
    }
    const { name } = named.data;
    if (this.#only !== undefined && !this.#only.has(name)) return;
    this.#missing.delete(name);
    const why = this.#take(name, named.data);
    if (why !== undefined) this.problem(`its tool ${name.slice(0, 64)} is left out: ${why}`);
  }

  problem(text: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(text);
  }

  build(): ToolList {
    for (const name of this.#missing) this.problem(`it has no tool ${name}`);
    return { tools: [...this.#tools.values()], problems: this.#problems };
  }

  /** @returns why not */
  #take(name: string, value: unknown): string | undefined {
    if (this.#tools.has(name)) return 'there are two of this name';
    if (this.full) return `only ${TOOLS_MAX} are taken`;
    const described = Described.safeParse(value);
    if (!described.success) return 'its description or the schema of its arguments is not valid';
    const { description = '', inputSchema, annotations, execution } = described.data;
    if (execution?.taskSupport === 'required') return 'it can only be called as a task';
    // Before it is written as JSON: that would fail on what is nested too deeply.
    if (isDeeper(inputSchema, SCHEMA_DEPTH_MAX)) return 'its schema is nested too deeply';
    const { length } = JSON.stringify(inputSchema);
    if (length > SCHEMA_LENGTH_MAX) return `its schema is longer than ${SCHEMA_LENGTH_MAX}`;
    if (this.#schemasLength + length > SCHEMAS_LENGTH_MAX) {
      return `all schemas together are longer than ${SCHEMAS_LENGTH_MAX}`;
    }
    this.#schemasLength += length;
    this.#tools.set(name, {
      name,
      description: description.slice(0, DESCRIPTION_LENGTH_MAX),
      // Model endpoints refuse an object without it.
      parameters: { properties: {}, ...inputSchema },
      // Hints are the server's word: what it does not call harmless is called once.
      sideEffects: annotations?.readOnlyHint !== true,
    });
    return undefined;
  }
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  return Object.values(value).some((inner) => isDeeper(inner, depth - 1));
}
