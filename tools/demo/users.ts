import OpenAI from 'openai';

export interface ChatPlan {
  /** The model's name is the simulator's script. */
  readonly model: string;
  readonly timeoutMs: number;
}

/** One user's chat, from sending it to the end of the answer. */
export interface UserResult {
  /** Counted from 1. */
  readonly user: number;
  readonly seconds: number;
  /** Why there is no whole answer. */
  readonly failure?: string;
}

/** The id under which the simulator's log knows a user's chat. */
export function requestIdOf(user: number): string {
  return `demo-user-${user}`;
}

/**
 * The people at their keyboards: the official SDK, streaming, each user with a name of their own.
 */
export class Users {
  readonly #client: OpenAI;

  constructor(gatewayUrl: string) {
    // A retry would hide a failure as a long wait.
    this.#client = new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey: 'demo', maxRetries: 0 });
  }

  /** All users send at the same moment. Never throws: a failure is part of the result. */
  async chatAtOnce(
    count: number,
    plan: ChatPlan,
    onEnd: (result: UserResult) => void,
  ): Promise<readonly UserResult[]> {
    const startedAtMs = performance.now();
    const each = Array.from({ length: count }, async (_, index) => {
      const user = index + 1;
      const failure = await this.chat(user, plan);
      const seconds = (performance.now() - startedAtMs) / 1_000;
      const result = { user, seconds, ...(failure === undefined ? {} : { failure }) };
      onEnd(result);
      return result;
    });
    return await Promise.all(each);
  }

  /** One chat; returns why it failed, or undefined. */
  async chat(user: number, { model, timeoutMs }: ChatPlan): Promise<string | undefined> {
    try {
      const stream = await this.#client.chat.completions.create(
        {
          model,
          stream: true,
          user: `user-${user}`,
          messages: [{ role: 'user', content: 'Hello' }],
        },
        { timeout: timeoutMs, headers: { 'x-request-id': requestIdOf(user) } },
      );
      let finish: string | null = null;
      for await (const chunk of stream) finish = chunk.choices[0]?.finish_reason ?? finish;
      return finish === 'stop' ? undefined : 'the answer ended before its end';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
