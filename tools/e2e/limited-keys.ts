import { startStack } from '@switchboard/stack';
import type { Stack, StackOptions } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

import { ask, chat, chatBody } from './chat.ts';
import type { Answer } from './chat.ts';
import { KeyRing } from './key-ring.ts';
import { gatewayReady, PATIENCE_MS } from './test-stack.ts';

/** An answer to one of many requests: its status, and the headers that say where the key stands. */
export interface Verdict {
  readonly status: number;
  readonly code: string | undefined;
  readonly id: string | undefined;
  readonly headers: Headers;
}

/** Gateways that ask for keys with limits, and callers who have them. */
export class LimitedKeys implements AsyncDisposable {
  readonly ring: KeyRing;
  readonly stack: Stack;

  private constructor(ring: KeyRing, stack: Stack) {
    this.ring = ring;
    this.stack = stack;
  }

  /** Of the gateways that run. */
  get urls(): readonly string[] {
    return this.stack.gateways.filter(({ process }) => process.running).map(({ url }) => url);
  }

  /** `keys`: options of the command for each name. */
  static async start(
    keys: Readonly<Record<string, readonly string[]>>,
    options: StackOptions = {},
  ): Promise<LimitedKeys> {
    const ring = new KeyRing();
    for (const [name, parameters] of Object.entries(keys)) await ring.add(name, ...parameters);
    const gatewayEnv = { KEYS_FILE: ring.file, ...options.gatewayEnv };
    const stack = await startStack({ gateways: 2, ...options, gatewayEnv });
    await Promise.all(stack.gateways.map(async ({ url }) => await gatewayReady(url)));
    return new LimitedKeys(ring, stack);
  }

  url(index: number): string {
    return this.urls[index % this.urls.length] ?? '';
  }

  /** So many chats at once, over all gateways in turn. */
  async chats(name: string, count: number, model: string): Promise<readonly Answer[]> {
    const headers = this.ring.headers(name);
    return await Promise.all(
      Array.from({ length: count }, (_, at) => ask(this.url(at), chatBody(model), { headers })),
    );
  }

  /** So many background responses at once, which run until they are cancelled. */
  async responses(name: string, count: number, model: string): Promise<readonly Verdict[]> {
    return await Promise.all(
      Array.from({ length: count }, (_, at) => this.response(name, at, { model })),
    );
  }

  async response(
    name: string,
    at: number,
    fields: Readonly<Record<string, unknown>>,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Verdict> {
    const response = await fetch(`${this.url(at)}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.ring.headers(name), ...more },
      body: JSON.stringify({ input: 'Hello', background: true, ...fields }),
    });
    const body = (await response.json()) as { id?: string; error?: { code: string } | null };
    const { headers, status } = response;
    return { status, code: body.error?.code, id: body.id, headers };
  }

  async cancel(name: string, verdicts: readonly Verdict[]): Promise<void> {
    const headers = this.ring.headers(name);
    await Promise.all(
      verdicts.map(async ({ id }, at) => {
        if (id === undefined) return;
        const url = `${this.url(at)}/v1/responses/${id}/cancel`;
        await (await fetch(url, { method: 'POST', headers })).body?.cancel();
      }),
    );
  }

  /**
   * Where a key stands, without using any of it: a request that cannot be in time is refused after
   * it was counted, and counts for nothing. The headers hold the probe itself, always as much.
   */
  async standing(name: string): Promise<{ readonly requests: number; readonly tokens: number }> {
    const headers = { ...this.ring.headers(name), 'x-request-deadline': '1ms' };
    const response = await chat(this.url(0), chatBody('sim/tokens=1'), { headers });
    await response.body?.cancel();
    const left = (kind: string): number =>
      Number(response.headers.get(`x-ratelimit-remaining-${kind}`) ?? NaN);
    if (response.status !== 400) throw new Error(`the probe was answered ${response.status}`);
    return { requests: left('requests'), tokens: left('tokens') };
  }

  async untilStanding(name: string, kind: 'requests' | 'tokens', wanted: number): Promise<void> {
    let last = NaN;
    const there = async () => {
      last = (await this.standing(name))[kind];
      return last === wanted;
    };
    const waiting = until(there, { timeoutMs: PATIENCE_MS, intervalMs: 50 });
    await waiting.catch(() => {
      throw new Error(`${name} has ${last} ${kind} left, not ${wanted}`);
    });
  }

  /** Requests queued and running in the pool `default`, as NATS holds them. */
  async outstanding(): Promise<number> {
    const info: object = await this.stack.natsCluster.ask('STREAM.INFO.REQUESTS_default');
    return (info as { readonly state: { readonly messages: number } }).state.messages;
  }

  async untilIdle(timeoutMs = PATIENCE_MS): Promise<void> {
    const idle = async () => (await this.outstanding()) === 0;
    await until(idle, { what: 'an empty queue', timeoutMs, intervalMs: 50 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.stop();
    await this.ring[Symbol.asyncDispose]();
  }
}

/** Waits for a moment at which the minute is not about to end, so that one count holds it all. */
export async function earlyInMinute(): Promise<void> {
  const early = () => Date.now() % 60_000 < 35_000;
  await until(early, { what: 'the next minute', timeoutMs: 40_000, intervalMs: 200 });
}
