import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';

import { OpenResponsesDocument } from './open-responses-document.ts';
import { sseEventsIn } from './sse.ts';

type SchemaName =
  'Response' | 'ResponseStreamEvent' | 'DeletedResponse' | 'InputItemList' | 'Error';

interface Answered {
  readonly output?: readonly { readonly type: string }[];
  readonly response?: Answered;
}

interface TypedEvent extends Answered {
  readonly type: string;
  readonly item?: { readonly type: string };
}

/**
 * Holds what a gateway sends against the schemas that it shows under `/docs`, and against the
 * document of Open Responses where there is one. That one knows no calls of an agent's own tools:
 * they are held against our schemas alone, and all around them against it too.
 */
export class Standard {
  readonly #checks: Readonly<Record<SchemaName, ValidateFunction>>;
  readonly #document: OpenResponsesDocument | undefined;

  private constructor(
    checks: Readonly<Record<SchemaName, ValidateFunction>>,
    document: OpenResponsesDocument | undefined,
  ) {
    this.#checks = checks;
    this.#document = document;
  }

  static async of(url: string): Promise<Standard> {
    const answer = await fetch(`${url}/docs/json`, { signal: AbortSignal.timeout(10_000) });
    const { components } = (await answer.json()) as {
      readonly components: { readonly schemas: Readonly<Record<SchemaName, object>> };
    };
    const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });
    const compile = (name: SchemaName): ValidateFunction => ajv.compile(components.schemas[name]);
    const checks = {
      Response: compile('Response'),
      ResponseStreamEvent: compile('ResponseStreamEvent'),
      DeletedResponse: compile('DeletedResponse'),
      InputItemList: compile('InputItemList'),
      Error: compile('Error'),
    };
    return new Standard(checks, await OpenResponsesDocument.named());
  }

  /** Problems of everything in one answer of `/v1/responses`; a cut stream up to its cut. */
  problemsOf(answer: { readonly streamed: boolean; readonly text: string }): readonly string[] {
    const { streamed, text } = answer;
    if (!streamed) return this.#bodyProblems(JSON.parse(text) as object);
    return sseEventsIn(text)
      .filter(({ data }) => data !== '[DONE]')
      .flatMap(({ data, event }) => {
        const value = JSON.parse(data) as TypedEvent;
        const named = value.type === event ? [] : [`an event ${value.type} is named ${event}`];
        return [...named, ...this.#eventProblems(value)];
      });
  }

  #bodyProblems(body: object): readonly string[] {
    const schema = bodySchema(body);
    const document = schema === 'Response' ? this.#document?.response : undefined;
    return [
      ...problems(`a ${schema}`, this.#checks[schema], body),
      ...(document === undefined
        ? []
        : problems('a response of the document', document, withoutOwnCalls(body))),
    ];
  }

  #eventProblems(event: TypedEvent): readonly string[] {
    const ours = problems('an event', this.#checks.ResponseStreamEvent, event);
    if (this.#document === undefined || isOwnCall(event)) return ours;
    const check = this.#document.events.get(event.type);
    if (check === undefined) return [...ours, `the document knows no event ${event.type}`];
    return [...ours, ...problems('an event of the document', check, withoutOwnCalls(event))];
  }
}

const isOwnCall = ({ type, item }: TypedEvent): boolean =>
  type.startsWith('response.mcp_call') || item?.type === 'mcp_call';

/** Of a response, or of an event that has one. */
function withoutOwnCalls(value: Answered): Answered {
  const { output, response } = value;
  return {
    ...value,
    ...(output === undefined ? {} : { output: output.filter(({ type }) => type !== 'mcp_call') }),
    ...(response === undefined ? {} : { response: withoutOwnCalls(response) }),
  };
}

function problems(what: string, check: ValidateFunction, value: object): readonly string[] {
  if (check(value)) return [];
  const errors = check.errors?.map(({ instancePath, message }) => `${instancePath} ${message}`);
  return [`not ${what}: ${errors?.join('; ')}: ${JSON.stringify(value).slice(0, 500)}`];
}

function bodySchema(body: object): SchemaName {
  if ('deleted' in body) return 'DeletedResponse';
  if ('object' in body && body.object === 'list') return 'InputItemList';
  return 'object' in body ? 'Response' : 'Error';
}
