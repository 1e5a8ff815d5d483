import { AgentError } from '@switchboard/agent';
import type { Endpoint, Model, ModelAnswer, ModelCall, ModelEvent } from '@switchboard/agent';
import { SwitchboardError } from '@switchboard/contract';
import type { AgentProfile, RunEvent, RunRequest } from '@switchboard/contract';
import type { ChatProvider } from '../runner/chat-provider.ts';
import { buildProviderRequest } from '../runner/provider-request.ts';
import type { RunAccount } from '../runner/run-account.ts';
import type { RunnerContext } from '../runner/runner-context.ts';
import type { TokenCounter } from '../runner/token-count.ts';
import { AnswerBuilder } from './answer-builder.ts';
import type { LateCalls } from './late-calls.ts';
import { ModelFetch } from './model-fetch.ts';
import { OpenCall } from './open-call.ts';

/** What frameworks are told. Nobody resolves it: requests go to the provider as configured. */
const BASE_URL = 'http://model.invalid/v1';
const API_KEY = 'kept-by-the-worker';

export interface RunModelOptions {
  readonly profile: AgentProfile;
  readonly request: RunRequest;
  readonly provider: ChatProvider;
  readonly context: RunnerContext;
  /** Aborts when the run is over. */
  readonly signal: AbortSignal;
  readonly account: RunAccount;
  readonly random: () => number;
  readonly counter: TokenCounter;
  readonly late: LateCalls;
  /** Ends the run, whatever the module makes of the failure. */
  readonly giveUp: (failure: SwitchboardError) => void;
}

/**
 * The models of one run, for a module.
 *
 * - M1: a call has the retries, fallbacks and time-outs of a profile's, and ends with the run.
 * - M2: what a call has used is in the run's account when it is over, however it ended; of one that
 *   the module has left half read, when the run is.
 * - M3: there are no more than `max_steps` calls: one more ends the run.
 */
export class RunModel implements Model {
  readonly name: string;
  readonly #options: RunModelOptions;
  #calls = 0;
  #failure: SwitchboardError | undefined;

  constructor(options: RunModelOptions) {
    this.#options = options;
    const { profile, request } = options;
    this.name = profile.model === '*' ? (request.model ?? '') : profile.model;
  }

  /** What the last call failed with; undefined when it did not. */
  get failure(): SwitchboardError | undefined {
    return this.#failure;
  }

  get fetch(): typeof globalThis.fetch {
    return this.endpoint().fetch;
  }

  endpoint(provider?: string): Endpoint {
    const open = (call: ModelCall, stream: boolean): OpenCall =>
      this.#open({ ...call, provider }, stream);
    const { fetch } = new ModelFetch(open, this.#options.late);
    return { baseURL: BASE_URL, apiKey: API_KEY, fetch };
  }

  stream(call: ModelCall): AsyncGenerator<ModelEvent, ModelAnswer, void> {
    return this.#read(call, true);
  }

  async complete(call: ModelCall): Promise<ModelAnswer> {
    const events = this.#read(call, false);
    for (;;) {
      const { done, value } = await events.next();
      if (done === true) return value;
    }
  }

  async *#read(call: ModelCall, stream: boolean): AsyncGenerator<ModelEvent, ModelAnswer, void> {
    const { late } = this.#options;
    const answer = new AnswerBuilder();
    // oxlint-disable-next-line typescript/require-await -- What it throws is to come later, too.
    const open = await late.failLater(async () => this.#open(call, stream));
    const batch: RunEvent[] = [];
    try {
      for (let more = true; more;) {
        more = await late.failLater(() => open.read(batch));
        for (const event of batch) {
          const shown = answer.take(event);
          if (shown !== undefined) yield shown;
        }
        batch.length = 0;
      }
    } finally {
      open.close();
    }
    return answer.answer(open.used?.usage);
  }

  #open({ model, provider, signal, ...chat }: ModelCall, stream: boolean): OpenCall {
    const { counter, giveUp, request, signal: run, ...rest } = this.#options;
    const profile = this.#profileFor(model, provider);
    const isFitted = (request.truncation ?? profile.truncation) === 'auto';
    this.#calls += 1;
    if (this.#calls > profile.max_steps) {
      const { max_steps: most, name } = profile;
      const message = `The agent ${name} called models more than ${most} times.`;
      const failure = new SwitchboardError('too_many_steps', message);
      giveUp(failure);
      throw failure;
    }
    // What the messages hold is the provider's to check.
    const messages = chat.messages as unknown as RunRequest['chat']['messages'];
    return new OpenCall({
      ...rest,
      profile,
      counter: isFitted ? counter : undefined,
      body: buildProviderRequest(profile, { ...request, stream, chat: { ...chat, messages } }),
      signal: signal === undefined ? run : AbortSignal.any([run, signal]),
      onClosed: (failure) => {
        this.#failure = failure;
      },
    });
  }

  /** The profile as this call has it: fallbacks are those of the agent's own choice. */
  #profileFor(model = this.name, provider = this.#options.profile.provider): AgentProfile {
    const { profile } = this.#options;
    if (model === '') throw new AgentError('Neither the agent nor its call names a model.');
    const isOwn = model === this.name && provider === profile.provider;
    return { ...profile, model, provider, fallback: isOwn ? profile.fallback : [] };
  }
}
