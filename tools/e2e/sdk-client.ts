import OpenAI from 'openai';

/** One answer as it came over the wire, as far as it came. */
export interface HeardAnswer {
  /** `x-request-id` of the request; empty without one. */
  readonly request: string;
  readonly status: number;
  readonly streamed: boolean;
  text: string;
}

export interface SdkOptions {
  readonly apiKey?: string;
  /** Default: what the SDK does by itself. */
  readonly maxRetries?: number;
}

/** The official SDK for one gateway; what it is answered is kept in `heard`, past the SDK. */
export function sdkClient(url: string, heard: HeardAnswer[], options: SdkOptions = {}): OpenAI {
  return new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'key',
    ...options,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const { body, headers, status } = response;
      const type = headers.get('content-type') ?? '';
      const answer: HeardAnswer = {
        request: new Headers(init?.headers).get('x-request-id') ?? '',
        status,
        streamed: type.startsWith('text/event-stream'),
        text: '',
      };
      heard.push(answer);
      const listened = body?.pipeThrough(listener(answer)) ?? null;
      return new Response(listened, { status, headers });
    },
  });
}

/** What a request of the SDK is refused or ended with. Throws if it is not. */
export async function failureOf(
  request: PromiseLike<unknown>,
): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await request;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

function listener(answer: HeardAnswer): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  return new TransformStream({
    transform(chunk, controller) {
      answer.text += decoder.decode(chunk, { stream: true });
      controller.enqueue(chunk);
    },
  });
}
