import assert from 'node:assert/strict';

import type OpenAI from 'openai';
import { until } from '@switchboard/testkit';

import { ask, chatBody } from './chat.ts';
import { sdkClient } from './sdk-client.ts';
import type { HeardAnswer } from './sdk-client.ts';
import { Standard } from './standard.ts';
import { PATIENCE_MS, TestStack } from './test-stack.ts';
import type { TestStackOptions } from './test-stack.ts';

type ApiResponse = OpenAI.Responses.Response;

/** About two seconds of stream. */
export const SLOW = 'sim/tokens=40,pace=50ms';

/** Two gateways, the SDK for each, and everything they answer held against the standard. */
export class TwoGateways {
  readonly stack: TestStack;
  /** Each knows one gateway. */
  readonly first: OpenAI;
  readonly second: OpenAI;
  /** What the agent `SLOW` says. */
  readonly slowText: string;
  readonly #standard: Standard;
  readonly #heard: HeardAnswer[] = [];

  private constructor(stack: TestStack, standard: Standard, slowText: string) {
    this.stack = stack;
    this.slowText = slowText;
    this.#standard = standard;
    const [one, other] = stack.stack.gateways;
    assert.ok(one !== undefined && other !== undefined);
    this.first = this.client(one.url);
    this.second = this.client(other.url);
  }

  /** `agents`, if they are given, must have the simulator's wildcard. */
  static async start(agents?: TestStackOptions['agents']): Promise<TwoGateways> {
    const own = agents === undefined ? {} : { agents };
    const stack = await TestStack.start({ gateways: 2, ...own });
    const { text } = await ask(stack.url, chatBody('sim/tokens=40'));
    return new TwoGateways(stack, await Standard.of(stack.url), text);
  }

  client(url: string, apiKey = 'key'): OpenAI {
    return sdkClient(url, this.#heard, { apiKey, maxRetries: 0 });
  }

  /** Polls a response until it has ended. */
  async ended(client: OpenAI, id: string): Promise<ApiResponse> {
    const over = async () => {
      const response = await client.responses.retrieve(id);
      return response.status !== 'queued' && response.status !== 'in_progress' && response;
    };
    return await until(over, { what: `the end of ${id}`, timeoutMs: PATIENCE_MS, intervalMs: 50 });
  }

  /** Every body and every event since the last time is of the standard, and there were some. */
  assertStandard(): void {
    const answers = this.#heard.splice(0);
    assert.ok(answers.length > 0);
    assert.deepEqual(
      answers.flatMap((answer) => this.#standard.problemsOf(answer)),
      [],
    );
  }

  async stop(): Promise<void> {
    await this.stack.stop();
  }
}

/** The request that reached the model, which repeats it: script `text=request`. */
export function repeated({ output_text: text }: ApiResponse): {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
} {
  return JSON.parse(text) as ReturnType<typeof repeated>;
}
