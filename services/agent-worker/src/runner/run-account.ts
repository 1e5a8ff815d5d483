import type { RunEvent, Usage } from '@switchboard/contract';
import type { RunnerContext } from './runner-context.ts';

/** What one call of a model has used. */
export interface CallUsage {
  readonly usage: Usage;
  /** In US dollars; undefined: the price is not known. */
  readonly cost?: number | undefined;
  /** Counted by us: the provider had not said it when the call was over. */
  readonly estimated?: boolean | undefined;
}

type UsageEvent = Extract<RunEvent, { type: 'usage' }>;

/**
 * What a run uses, over all of its calls of models. Whoever makes calls gives it the usage of each;
 * whoever runs the run says the total as an event, and how the run ended.
 *
 * - U1: a call that was given to it counts once, however the run ends.
 * - U2: it logs one line, when it is closed; there is no content in it.
 */
export class RunAccount {
  /** Requests that were sent to providers. */
  calls = 0;
  /** Of these, how many asked a provider again. */
  retries = 0;
  /** How often another provider took over. */
  fallbacks = 0;
  readonly #context: RunnerContext;
  readonly #agent: string;
  readonly #agentsVersion: string | undefined;
  #usage: Usage | undefined;
  #cost: number | undefined;
  #isEstimated = false;
  #isUnsaid = false;
  #outcome: string | undefined;
  #isClosed = false;

  /** @param agentsVersion of the agents' file by which it runs */
  constructor(context: RunnerContext, agent: string, agentsVersion?: string) {
    this.#context = context;
    this.#agent = agent;
    this.#agentsVersion = agentsVersion;
  }

  /** A call is over. */
  add({ usage, cost, estimated }: CallUsage): void {
    // A copy: a module has the usage of its calls, and may change it.
    const own = structuredClone(usage);
    this.#usage = this.#usage === undefined ? own : sum(this.#usage, own);
    if (cost !== undefined) this.#cost = (this.#cost ?? 0) + cost;
    if (estimated === true) this.#isEstimated = true;
    this.#isUnsaid = true;
  }

  /** The total so far as an event; undefined when nothing was added since it was last taken. */
  takeEvent(): UsageEvent | undefined {
    if (!this.#isUnsaid) return undefined;
    this.#isUnsaid = false;
    return this.total;
  }

  /** The same, whether it was taken or not; undefined when nothing was added. */
  get total(): UsageEvent | undefined {
    if (this.#usage === undefined) return undefined;
    return {
      type: 'usage',
      usage: this.#usage,
      ...(this.#cost === undefined ? {} : { cost: this.#cost }),
      ...(this.#isEstimated ? { estimated: true as const } : {}),
    };
  }

  /**
   * The same for a run that failed. That nothing was used is said, too: else its caller would be
   * charged for what a run might have used.
   */
  takeFinal(): UsageEvent | undefined {
    if (this.#usage !== undefined) return this.takeEvent();
    return { type: 'usage', usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } };
  }

  /** How the run ended: `completed`, or an error code. The first word counts. */
  end(outcome: string): void {
    this.#outcome ??= outcome;
  }

  /** Writes the line. A run whose end nobody has told was stopped from outside. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { run, requestId, attempt, log, signal } = this.#context;
    const { calls, retries, fallbacks } = this;
    const fields = {
      run,
      requestId,
      attempt,
      agent: this.#agent,
      ...(this.#agentsVersion === undefined ? {} : { agentsVersion: this.#agentsVersion }),
      outcome: this.#outcome ?? 'stopped',
      ...(this.#outcome === undefined ? { reason: reasonOf(signal) } : {}),
      calls,
      retries,
      fallbacks,
      ...this.#counts(),
    };
    log.info(fields, 'run over');
  }

  #counts(): object {
    if (this.#usage === undefined) return {};
    const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = this.#usage;
    return {
      promptTokens,
      completionTokens,
      ...(this.#cost === undefined ? {} : { cost: this.#cost }),
      ...(this.#isEstimated ? { estimated: true } : {}),
    };
  }
}

/** `RunCancelled`, `WorkerStopping`...: who stopped the run gave an error of that name. */
function reasonOf({ aborted, reason }: AbortSignal): string {
  if (!aborted) return 'left by its reader';
  return reason instanceof Error ? reason.name : 'unknown';
}

/** Adds number to number, also within objects, such as `prompt_tokens_details`. */
function sum<T extends Fields>(one: T, other: T): T {
  const total: Record<string, unknown> = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = total[name];
    if (typeof before === 'number' && typeof value === 'number') total[name] = before + value;
    else if (isFields(before) && isFields(value)) total[name] = sum(before, value);
    else total[name] = value ?? before;
  }
  // Every field of both is there, and numbers have stayed numbers.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return total as T;
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
