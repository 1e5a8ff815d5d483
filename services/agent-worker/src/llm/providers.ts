import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_PROVIDER } from '@switchboard/contract';
import type { Usage } from '@switchboard/contract';
import type { Answer, ChatCall, ChatProvider } from '../runner/chat-provider.ts';
import { ProviderFailure } from '../runner/provider-failure.ts';
import { Endpoint } from './endpoint.ts';
import type { EndpointLog, EndpointOptions, EndpointState } from './endpoint.ts';

/** All model endpoints of a worker, by their names in the agents' file. */
export class Providers implements ChatProvider {
  readonly #log: EndpointLog;
  #endpoints: ReadonlyMap<string, Endpoint> = new Map();

  constructor(endpoints: readonly EndpointOptions[], log: EndpointLog) {
    this.#log = log;
    this.replace(endpoints);
  }

  get states(): readonly EndpointState[] {
    return [...this.#endpoints.values()].map(({ state }) => state);
  }

  async open(call: ChatCall): Promise<Answer> {
    return await this.#endpoint(call.provider).open(call);
  }

  cost({ body, provider }: Pick<ChatCall, 'body' | 'provider'>, usage: Usage): number | undefined {
    return this.#endpoints.get(provider ?? DEFAULT_PROVIDER)?.cost(body.model, usage);
  }

  /**
   * Takes other endpoints for new calls. Those that stay as they were keep their connections and
   * their circuit; the others are closed when their last call has ended.
   */
  replace(endpoints: readonly EndpointOptions[]): void {
    const before = this.#endpoints;
    this.#endpoints = new Map(
      endpoints.map((options) => {
        const known = before.get(options.name);
        const same = known !== undefined && isDeepStrictEqual(known.options, options);
        return [options.name, same ? known : new Endpoint(options, this.#log)];
      }),
    );
    for (const [name, endpoint] of before) {
      if (this.#endpoints.get(name) !== endpoint) endpoint.retire();
    }
  }

  /** Closes every connection. Open answers break off. */
  async close(): Promise<void> {
    await Promise.all([...this.#endpoints.values()].map((endpoint) => endpoint.close()));
  }

  #endpoint(name = DEFAULT_PROVIDER): Endpoint {
    const endpoint = this.#endpoints.get(name);
    if (endpoint !== undefined) return endpoint;
    const message = `The worker has no provider of the name ${name}.`;
    throw new ProviderFailure('provider_unavailable', message, { retryable: false });
  }
}
