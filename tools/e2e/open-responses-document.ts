import { readFile } from 'node:fs/promises';

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';

/** Path of the OpenAPI document of Open Responses; there need not be one. */
export const DOCUMENT_VARIABLE = 'SWITCHBOARD_OPENRESPONSES_SPEC';

interface Reference {
  readonly $ref: string;
}

interface Document {
  readonly paths: Readonly<Record<'/responses', { readonly post: Operation }>>;
  readonly components: {
    readonly schemas: Readonly<
      Record<string, { readonly properties?: { readonly type?: { readonly enum?: string[] } } }>
    >;
  };
}

interface Operation {
  readonly responses: {
    readonly 200: {
      readonly content: Readonly<
        Record<'text/event-stream', { readonly schema: { readonly oneOf: readonly Reference[] } }>
      >;
    };
  };
}

const RESPONSE = 'ResponseResource';

/** What the standard's own document says of answers. */
export class OpenResponsesDocument {
  readonly response: ValidateFunction;
  /** By type. */
  readonly events: ReadonlyMap<string, ValidateFunction>;

  private constructor(document: Document) {
    // Written for code generators too: not every keyword in it is one of JSON Schema.
    const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
    ajv.addSchema(document, 'document');
    const check = (reference: string): ValidateFunction =>
      ajv.compile({ $ref: `document${reference}` });
    this.response = check(`#/components/schemas/${RESPONSE}`);
    const { content } = document.paths['/responses'].post.responses[200];
    const { oneOf } = content['text/event-stream'].schema;
    this.events = new Map(oneOf.map(({ $ref }) => [typeOf(document, $ref), check($ref)]));
  }

  /** The one that the environment names; undefined without one. */
  static async named(): Promise<OpenResponsesDocument | undefined> {
    const path = process.env[DOCUMENT_VARIABLE];
    if (path === undefined || path === '') return undefined;
    return new OpenResponsesDocument(JSON.parse(await readFile(path, 'utf8')) as Document);
  }
}

function typeOf(document: Document, reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  const type = document.components.schemas[name]?.properties?.type?.enum?.[0];
  if (type === undefined) throw new Error(`${name} has no type`);
  return type;
}
