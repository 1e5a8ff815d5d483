import { OpenAI } from 'openai';
import type { ProviderSettings } from '@switchboard/contract';
import type { Answer, ChatCall, ChatProvider } from '../runner/chat-provider.ts';
import { StreamedAnswer, WholeAnswer } from './answers.ts';
import { apiOf } from './apis.ts';
import type { Api } from './apis.ts';
import { BodyReader } from './body-reader.ts';
import { badResponse, failureOf, webPage } from './failures.ts';
import { ProviderHttp, UnreadResponse } from './provider-http.ts';

export interface OpenAiProviderOptions {
  /** Where `/chat/completions` is, with its version: `https://host/v1`. */
  readonly baseUrl: string;
  /** Which of OpenAI's APIs it speaks; default: chat completions. */
  readonly api?: ProviderSettings['api'] | undefined;
  /** Undefined: the endpoint asks for none, as local model servers do. */
  readonly apiKey: string | undefined;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Most connections, and calls, at once. */
  readonly connections: number;
}

/** A shorter header is no key, and too common a word to be taken out of messages. */
const SECRET_LENGTH_MIN = 8;

/** The longest time that a timer can hold: as good as none. */
const NEVER_MS = 2_147_483_647;

/**
 * Any endpoint with OpenAI's chat completions or responses, through one client and one connection
 * pool. The SDK builds the request and its errors; its retries, time-outs and stream reader are not
 * used: the first ignore the signal while they wait, the second are the profile's, the third is
 * slow.
 */
export class OpenAiProvider implements ChatProvider {
  readonly #http: ProviderHttp;
  readonly #client: OpenAI;
  readonly #api: Api;
  readonly #secrets: readonly string[];

  constructor(options: OpenAiProviderOptions) {
    const { headers = {} } = options;
    this.#http = new ProviderHttp(options.connections);
    this.#api = apiOf(options.api);
    const keys = Object.values(headers).filter(({ length }) => length >= SECRET_LENGTH_MIN);
    this.#secrets = [options.apiKey ?? '', new URL(options.baseUrl).host, ...keys];
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
        ...headers,
      },
      fetch: this.#http.fetch,
    });
  }

  async open(call: ChatCall): Promise<Answer> {
    let response: Response;
    try {
      response = await this.#client
        .post(this.#api.path, {
          body: this.#api.requestOf(call.body),
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
    const events = this.#api.events(this.#secrets);
    return call.body.stream
      ? new StreamedAnswer(reader, events)
      : new WholeAnswer(reader, events, call.onPiece);
  }

  /** Closes every connection. Open answers break off. */
  async close(): Promise<void> {
    await this.#http.close();
  }
}
