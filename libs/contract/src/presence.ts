/** What gateways say to workers and to each other, while they live. Core NATS, never stored. */

/** On `alive.<gateway>`, every few seconds. */
export interface GatewayAlive {
  /** Runs of other gateways that this one has readers of; a long list comes in several messages. */
  readonly adopted: readonly string[];
}

/** On `readers.<run>`, said by a gateway that did not make the run. */
export interface RunReaders {
  readonly gateway: string;
  /** Whether it has a reader of the run; false is said once, when the last one has left. */
  readonly reads: boolean;
}
