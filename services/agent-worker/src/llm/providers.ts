import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_PROVIDER } from '@switchboard/contract';
import type { Usage } from '@switchboard/contract';
import type { Answer, ChatCall, ChatProvider, ProviderLease } from '../runner/chat-provider.ts';
import { ProviderFailure } from '../runner/provider-failure.ts';
import { Endpoint } from './endpoint.ts';
import type { EndpointLog, EndpointOptions, EndpointState } from './endpoint.ts';

type Endpoints = ReadonlyMap<string, Endpoint>;

/**
 * All model endpoints of a worker, by their names in the agents' file.
 *
 * - P1: a run that has a lease goes on with the endpoints that were there when it began, also in
 *   its later calls, whatever takes their place.
 * - P2: an endpoint that nothing names any more is closed when the last lease and the last call of
 *   it are over.
 */
export class Providers implements ChatProvider {
  readonly #log: EndpointLog;
  readonly #nowMs: (() => number) | undefined;
  /** How many may still call an endpoint: the file as it is, and leases. */
  readonly #holders = new Map<Endpoint, number>();
  #current: Endpoints = new Map();

  constructor(endpoints: readonly EndpointOptions[], log: EndpointLog, nowMs?: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.replace(endpoints);
  }

  get states(): readonly EndpointState[] {
    return [...this.#current.values()].map(({ state }) => state);
  }

  async open(call: ChatCall): Promise<Answer> {
    return await openIn(this.#current, call);
  }

  cost(call: Pick<ChatCall, 'body' | 'provider'>, usage: Usage): number | undefined {
    return costIn(this.#current, call, usage);
  }

  /** P1 */
  lease(): ProviderLease {
    const endpoints = this.#current;
    this.#hold(endpoints);
    let isReleased = false;
    return {
      open: async (call) => await openIn(endpoints, call),
      cost: (call, usage) => costIn(endpoints, call, usage),
      release: () => {
        if (!isReleased) this.#letGo(endpoints);
        isReleased = true;
      },
    };
  }

  /**
   * Takes other endpoints for runs that begin from now on. Those that stay as they were keep their
   * connections and their circuit.
   */
  replace(endpoints: readonly EndpointOptions[]): void {
    const before = this.#current;
    this.#current = new Map(
      endpoints.map((options) => {
        const known = before.get(options.name);
        const same = known !== undefined && isDeepStrictEqual(known.options, options);
        return [options.name, same ? known : new Endpoint(options, this.#log, this.#nowMs)];
      }),
    );
    this.#hold(this.#current);
    this.#letGo(before);
  }

  /** Closes every connection. Open answers break off. */
  async close(): Promise<void> {
    await Promise.all([...this.#holders.keys()].map((endpoint) => endpoint.close()));
  }

  #hold(endpoints: Endpoints): void {
    for (const endpoint of endpoints.values()) {
      this.#holders.set(endpoint, (this.#holders.get(endpoint) ?? 0) + 1);
    }
  }

  /** P2 */
  #letGo(endpoints: Endpoints): void {
    for (const endpoint of endpoints.values()) {
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

async function openIn(endpoints: Endpoints, call: ChatCall): Promise<Answer> {
  const name = call.provider ?? DEFAULT_PROVIDER;
  const endpoint = endpoints.get(name);
  if (endpoint !== undefined) return await endpoint.open(call);
  const message = `The worker has no provider of the name ${name}.`;
  throw new ProviderFailure('provider_unavailable', message, { retryable: false });
}

function costIn(
  endpoints: Endpoints,
  { body, provider }: Pick<ChatCall, 'body' | 'provider'>,
  usage: Usage,
): number | undefined {
  return endpoints.get(provider ?? DEFAULT_PROVIDER)?.cost(body.model, usage);
}
