import OpenAI from 'openai';

/** One answer of `/v1/responses` as it came over the wire, as far as it came. */
export interface HeardAnswer {
  readonly status: number;
  readonly streamed: boolean;
  text: string;
}

/** The official SDK for one gateway; what it is answered is kept, past the SDK. */
export function responsesClient(url: string, heard: HeardAnswer[], apiKey = 'key'): OpenAI {
  return new OpenAI({
    baseURL: `${url}/v1`,
    apiKey,
    maxRetries: 0,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const { body, headers, status } = response;
      if (body === null) return response;
      const type = headers.get('content-type') ?? '';
      const answer: HeardAnswer = {
        status,
        streamed: type.startsWith('text/event-stream'),
        text: '',
      };
      heard.push(answer);
      const decoder = new TextDecoder();
      const listened = body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            answer.text += decoder.decode(chunk, { stream: true });
            controller.enqueue(chunk);
          },
        }),
      );
      return new Response(listened, { status, headers });
    },
  });
}
