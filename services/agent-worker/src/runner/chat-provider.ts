import type { RunEvent, Usage } from '@switchboard/contract';

/** One call of a model endpoint. */
export interface ChatCall {
  /** The endpoint's name in the agents' file; left out: the default one. */
  readonly provider?: string | undefined;
  /** OpenAI's chat completion request, ready to be sent. */
  readonly body: ProviderRequest;
  /** Sent as `x-client-request-id`, so that the provider's logs and ours can be joined. */
  readonly requestId: string;
  /** Closes the socket at once, whatever the call is doing. */
  readonly signal: AbortSignal;
  /** Called when the request goes out: a call that waited in vain has cost nothing. */
  readonly onSend?: (() => void) | undefined;
  /** Called for each piece of an answer that is not streamed, blank ones too: it is alive. */
  readonly onPiece?: (() => void) | undefined;
}

export interface ProviderRequest {
  readonly model: string;
  readonly messages: readonly unknown[];
  readonly stream: boolean;
  readonly [field: string]: unknown;
}

/** What the runner needs of model endpoints. The calls throw a {@link ProviderFailure}. */
export interface ChatProvider {
  /** Sends the request; resolves when the answer's headers are here and promise success. */
  open(call: ChatCall): Promise<Answer>;
  /** What so many tokens of a call's model cost, in US dollars; undefined: the price is unknown. */
  cost?(call: Pick<ChatCall, 'body' | 'provider'>, usage: Usage): number | undefined;
  /** The endpoints as they are now, for a run to keep. Default: they never change. */
  lease?(): ProviderLease;
}

export interface ProviderLease extends ChatProvider {
  /** The run is over. Idempotent. */
  release(): void;
}

/** An answer on its way. It is read piece by piece: who does not read slows the provider down. */
export interface Answer {
  /**
   * Waits for the next piece and appends its events, at least one, to `into`. False: the last event
   * was `completed` and nothing follows. When it throws, nothing was appended.
   */
  read(into: RunEvent[]): Promise<boolean>;
  /** Gives the connection back if the answer was read to its end, else closes it. Idempotent. */
  close(): void;
}
