import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';

import { sseEventsIn } from './sse.ts';

type SchemaName =
  'Response' | 'ResponseStreamEvent' | 'DeletedResponse' | 'InputItemList' | 'Error';

/** Holds what a gateway sends against the schemas that it shows under `/docs`. */
export class Standard {
  readonly #checks: Readonly<Record<SchemaName, ValidateFunction>>;

  private constructor(checks: Readonly<Record<SchemaName, ValidateFunction>>) {
    this.#checks = checks;
  }

  static async of(url: string): Promise<Standard> {
    const answer = await fetch(`${url}/docs/json`, { signal: AbortSignal.timeout(10_000) });
    const { components } = (await answer.json()) as {
      readonly components: { readonly schemas: Readonly<Record<SchemaName, object>> };
    };
    const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });
    const compile = (name: SchemaName): ValidateFunction => ajv.compile(components.schemas[name]);
    return new Standard({
      Response: compile('Response'),
      ResponseStreamEvent: compile('ResponseStreamEvent'),
      DeletedResponse: compile('DeletedResponse'),
      InputItemList: compile('InputItemList'),
      Error: compile('Error'),
    });
  }

  /** Problems of everything in one answer of `/v1/responses`; a cut stream up to its cut. */
  problemsOf(answer: { readonly streamed: boolean; readonly text: string }): readonly string[] {
    const { streamed, text } = answer;
    if (!streamed) return this.#problems(bodySchema(JSON.parse(text)), JSON.parse(text));
    return sseEventsIn(text)
      .filter(({ data }) => data !== '[DONE]')
      .flatMap(({ data, event }) => {
        const value = JSON.parse(data) as { readonly type?: string };
        const named = value.type === event ? [] : [`an event ${value.type} is named ${event}`];
        return [...named, ...this.#problems('ResponseStreamEvent', value)];
      });
  }

  #problems(name: SchemaName, value: unknown): readonly string[] {
    const check = this.#checks[name];
    if (check(value)) return [];
    const errors = check.errors?.map(({ instancePath, message }) => `${instancePath} ${message}`);
    return [`not a ${name}: ${errors?.join('; ')}: ${JSON.stringify(value).slice(0, 500)}`];
  }
}

function bodySchema(body: object): SchemaName {
  if ('deleted' in body) return 'DeletedResponse';
  if ('object' in body && body.object === 'list') return 'InputItemList';
  return 'object' in body ? 'Response' : 'Error';
}
