import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_PROVIDER } from '@switchboard/contract';
import type { Usage } from '@switchboard/contract';
import type { Answer, ChatCall, ChatProvider, ProviderLease } from '../runner/chat-provider.ts';
import { ProviderFailure } from '../runner/provider-failure.ts';
import { costOf } from './cost.ts';
import { Endpoint } from './endpoint.ts';
import type { EndpointLog, EndpointOptions, EndpointState } from './endpoint.ts';

interface Offer {
  readonly endpoint: Endpoint;
  readonly prices: EndpointOptions['prices'];
}

type Offers = ReadonlyMap<string, Offer>;

/**
 * All model endpoints of a worker, by their names in the agents' file.
 *
 * - P1: a run that has a lease goes on with the endpoints that were there when it began, also in
 *   its later calls, and with their prices, whatever takes their place.
 * - P2: an endpoint that nothing names any more is closed when the last lease and the last call of
 *   it are over.
 */
export class Providers implements ChatProvider {
  readonly #log: EndpointLog;
  readonly #nowMs: (() => number) | undefined;
  /** How many may still call an endpoint: the file as it is, and leases. */
  readonly #holders = new Map<Endpoint, number>();
  #current: Offers = new Map();

  constructor(endpoints: readonly EndpointOptions[], log: EndpointLog, nowMs?: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.replace(endpoints);
  }

  get states(): readonly EndpointState[] {
    return [...this.#current.values()].map(({ endpoint }) => endpoint.state);
  }

  async open(call: ChatCall): Promise<Answer> {
    return await openIn(this.#current, call);
  }

  cost(call: Pick<ChatCall, 'body' | 'provider'>, usage: Usage): number | undefined {
    return costIn(this.#current, call, usage);
  }

  /** P1 */
  lease(): ProviderLease {
    const offers = this.#current;
    this.#hold(offers);
    let isReleased = false;
    return {
      open: async (call) => await openIn(offers, call),
      cost: (call, usage) => costIn(offers, call, usage),
      release: () => {
        if (!isReleased) this.#letGo(offers);
        isReleased = true;
      },
    };
  }

  /**
   * Takes other endpoints for runs that begin from now on. Those that stay as they were, but for
   * their prices, keep their connections, their circuits and the count of their calls.
   */
  replace(endpoints: readonly EndpointOptions[]): void {
    const before = this.#current;
    this.#current = new Map(
      endpoints.map(({ prices, ...options }) => {
        const known = before.get(options.name)?.endpoint;
        const same = known !== undefined && isDeepStrictEqual(known.options, options);
        const endpoint = same ? known : new Endpoint(options, this.#log, this.#nowMs);
        return [options.name, { endpoint, prices }];
      }),
    );
    this.#hold(this.#current);
    this.#letGo(before);
  }

  /** Closes every connection. Open answers break off. */
  async close(): Promise<void> {
    await Promise.all([...this.#holders.keys()].map((endpoint) => endpoint.close()));
  }

  #hold(offers: Offers): void {
    for (const { endpoint } of offers.values()) {
      this.#holders.set(endpoint, (this.#holders.get(endpoint) ?? 0) + 1);
    }
  }

  /** P2 */
  #letGo(offers: Offers): void {
    for (const { endpoint } of offers.values()) {
      const left = (this.#holders.get(endpoint) ?? 0) - 1;
      if (left > 0) {
        this.#holders.set(endpoint, left);
      } else {
        this.#holders.delete(endpoint);
        endpoint.retire();
      }
    }
  }
}

async function openIn(offers: Offers, call: ChatCall): Promise<Answer> {
  const name = call.provider ?? DEFAULT_PROVIDER;
  const endpoint = offers.get(name)?.endpoint;
  if (endpoint !== undefined) return await endpoint.open(call);
  const message = `The worker has no provider of the name ${name}.`;
  throw new ProviderFailure('provider_unavailable', message, { retryable: false });
}

function costIn(
  offers: Offers,
  { body, provider }: Pick<ChatCall, 'body' | 'provider'>,
  usage: Usage,
): number | undefined {
  const prices = offers.get(provider ?? DEFAULT_PROVIDER)?.prices ?? {};
  const price = Object.hasOwn(prices, body.model) ? prices[body.model] : undefined;
  return price === undefined ? undefined : costOf(price, usage);
}
