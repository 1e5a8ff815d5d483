import { OpenAI } from 'openai';
import type { Answer, ChatCall, ChatProvider } from '../runner/chat-provider.ts';
import { StreamedAnswer, WholeAnswer } from './answers.ts';
import { BodyReader } from './body-reader.ts';
import { badResponse, failureOf, webPage } from './failures.ts';
import { ProviderHttp, UnreadResponse } from './provider-http.ts';

export interface OpenAiProviderOptions {
  /** Where `/chat/completions` is, with its version: `https://host/v1`. */
  readonly baseUrl: string;
  /** Undefined: the endpoint asks for none, as local model servers do. */
  readonly apiKey: string | undefined;
  /** Most connections at once: one for each slot. */
  readonly connections: number;
}

/** The longest time that a timer can hold: as good as none. */
const NEVER_MS = 2_147_483_647;

/**
 * Any endpoint with OpenAI's chat completions, through one client and one connection pool. The SDK
 * builds the request and its errors; its retries, time-outs and stream reader are not used: the
 * first ignore the signal while they wait, the second are the profile's, the third is slow.
 */
export class OpenAiProvider implements ChatProvider {
  readonly #http: ProviderHttp;
  readonly #client: OpenAI;
  readonly #secrets: readonly string[];

  constructor(options: OpenAiProviderOptions) {
    this.#http = new ProviderHttp(options.connections);
    this.#secrets = [options.apiKey ?? '', new URL(options.baseUrl).host];
    this.#client = new OpenAI({
      baseURL: options.baseUrl,
      // The SDK insists on one, but the header is left out below.
      apiKey: options.apiKey ?? 'none',
      // Without this an administrator's key in the environment would take the place of ours.
      adminAPIKey: null,
      webhookSecret: null,
      maxRetries: 0,
      timeout: NEVER_MS,
      // The SDK logs to the console otherwise.
      logLevel: 'off',
      defaultHeaders: {
        'X-Stainless-Timeout': null,
        'X-Stainless-Retry-Count': null,
        ...(options.apiKey === undefined ? { Authorization: null } : {}),
      },
      fetch: this.#http.fetch,
    });
  }

  async open(call: ChatCall): Promise<Answer> {
    let response: Response;
    call.onSend?.();
    try {
      response = await this.#client
        .post('/chat/completions', {
          body: call.body,
          signal: call.signal,
          // OpenAI's name for it. Some servers take `x-request-id` for their own and refuse ours.
          headers: { 'x-client-request-id': call.requestId },
        })
        .asResponse();
    } catch (thrown) {
      throw failureOf(thrown, this.#secrets);
    }
    if (!(response instanceof UnreadResponse))
      throw badResponse('The model endpoint sent no body.');
    const reader = new BodyReader(response.raw, call.signal);
    if (response.headers.get('content-type')?.includes('text/html') === true) {
      reader.close();
      throw webPage();
    }
    return call.body.stream
      ? new StreamedAnswer(reader, this.#secrets)
      : new WholeAnswer(reader, this.#secrets);
  }

  /** Closes every connection. Open answers break off. */
  async close(): Promise<void> {
    await this.#http.close();
  }
}
