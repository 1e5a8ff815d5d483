import { SwitchboardError } from '@switchboard/contract';
import type { Price, RunEvent } from '@switchboard/contract';
import type { Answer, ChatCall } from '../runner/chat-provider.ts';
import { ProviderFailure } from '../runner/provider-failure.ts';
import type { CircuitName, Trial } from './circuit.ts';
import { Circuits } from './circuits.ts';
import { OpenAiProvider } from './openai-provider.ts';
import type { OpenAiProviderOptions } from './openai-provider.ts';
import { Places } from './places.ts';

export interface EndpointOptions extends OpenAiProviderOptions {
  readonly name: string;
  /** By the provider's name of the model. */
  readonly prices: Readonly<Record<string, Price>>;
}

/** What its calls are made with; its prices may change while they are under way. */
export type EndpointConnection = Omit<EndpointOptions, 'prices'>;

export interface EndpointLog {
  warn(fields: object, message: string): void;
}

/** What an endpoint is doing. */
export interface EndpointState {
  readonly name: string;
  /** Models whose circuit is not closed. */
  readonly circuits: ReadonlyMap<string, CircuitName>;
  /** Calls under way, and calls that wait for one of these to end. */
  readonly running: number;
  readonly waiting: number;
}

/** A model endpoint with its bound and its circuit breakers. */
export class Endpoint {
  readonly options: EndpointConnection;
  readonly #provider: OpenAiProvider;
  readonly #places: Places;
  readonly #circuits: Circuits;
  #retired = false;

  /** @param nowMs Of the circuits: a clock that nobody sets. */
  constructor(options: EndpointConnection, log: EndpointLog, nowMs?: () => number) {
    this.options = options;
    this.#provider = new OpenAiProvider(options);
    this.#places = new Places(options.connections);
    const provider = options.name;
    this.#circuits = new Circuits({
      nowMs,
      onChange: (model, circuit) => log.warn({ provider, model, circuit }, 'circuit breaker'),
    });
  }

  get state(): EndpointState {
    const { taken: running, waiting } = this.#places;
    const circuits = this.#circuits.notClosed;
    return { name: this.options.name, circuits, running, waiting };
  }

  async open(call: ChatCall): Promise<Answer> {
    const circuit = this.#circuits.of(call.body.model);
    // Nobody waits in line for what would be refused.
    circuit.check();
    const leave = await this.#places.enter(call.signal);
    const visit = new Visit(call.signal, () => {
      leave();
      if (this.#retired) void this.#closeWhenIdle();
    });
    try {
      // A place may be handed on in the very turn in which its waiter is aborted.
      call.signal.throwIfAborted();
      visit.trial = circuit.enter();
      call.onSend?.();
      return new GuardedAnswer(await this.#provider.open(call), visit);
    } catch (thrown) {
      visit.failed(thrown);
      throw thrown;
    }
  }

  /** No new calls will come: its connections are closed when the last call has ended. */
  retire(): void {
    this.#retired = true;
    void this.#closeWhenIdle();
  }

  /** Closes every connection. Open answers break off. */
  async close(): Promise<void> {
    await this.#provider.close();
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#places.taken === 0) await this.#provider.close();
  }
}

/** One call in its place: what it tells the circuit, and its place given back, once each. */
class Visit {
  trial: Trial | undefined;
  readonly #signal: AbortSignal;
  readonly #leave: () => void;
  #isOver = false;

  constructor(signal: AbortSignal, leave: () => void) {
    this.#signal = signal;
    this.#leave = leave;
  }

  begun(): void {
    this.trial?.begun();
  }

  succeeded(): void {
    this.#over((trial) => trial.succeeded());
  }

  failed(thrown: unknown): void {
    const failure: unknown = this.#signal.aborted ? this.#signal.reason : thrown;
    this.#over((trial) => trial[verdictOf(failure)]());
  }

  #over(tell: (trial: Trial) => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.trial !== undefined) tell(this.trial);
    this.#leave();
  }
}

class GuardedAnswer implements Answer {
  readonly #answer: Answer;
  readonly #visit: Visit;

  constructor(answer: Answer, visit: Visit) {
    this.#answer = answer;
    this.#visit = visit;
  }

  async read(into: RunEvent[]): Promise<boolean> {
    let more: boolean;
    try {
      more = await this.#answer.read(into);
    } catch (thrown) {
      this.#visit.failed(thrown);
      throw thrown;
    }
    if (more) this.#visit.begun();
    else this.#visit.succeeded();
    return more;
  }

  close(): void {
    this.#answer.close();
    this.#visit.failed(undefined);
  }
}

/** Whether a failure says that the provider is ill. */
function verdictOf(failure: unknown): 'failed' | 'left' | 'refused' {
  if (failure instanceof ProviderFailure) return failure.ill ? 'failed' : 'refused';
  if (!(failure instanceof SwitchboardError)) return 'left';
  const { code } = failure;
  return code === 'first_token_timeout' || code === 'idle_timeout' ? 'failed' : 'left';
}
