/**
 * Short-lived facts that gateways tell each other, in batches. Nothing is stored or repeated: a
 * fact said while NATS is away is lost, so whoever uses this must do without any single one.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { NatsLink } from '../link/nats-link.ts';

export interface GossipOptions<Fact> {
  readonly subject: string;
  /** Whose own words are not heard here. */
  readonly gateway: string;
  /** What goes into the message: anything that JSON can hold. */
  readonly write: (fact: Fact) => unknown;
  /** Checks what came from the network; undefined: not one of ours. */
  readonly read: (value: unknown) => Fact | undefined;
  readonly onFact: (fact: Fact) => void;
}

interface Said {
  readonly gateway: string;
  readonly facts: readonly unknown[];
}

/** How long a fact waits for others to go with it. */
const GATHER_MS = 10;
/** Facts in one message; what comes faster than that goes at once. */
const FACTS_MAX = 500;

export class Gossip<Fact> {
  readonly #link: NatsLink;
  readonly #options: GossipOptions<Fact>;
  #gathered: unknown[] = [];
  #timer: NodeJS.Timeout | undefined;
  #subscription: Subscription | undefined;
  #removeListener: (() => void) | undefined;

  constructor(link: NatsLink, options: GossipOptions<Fact>) {
    this.#link = link;
    this.#options = options;
  }

  start(): void {
    this.#removeListener = this.#link.listen({
      up: (connection) => {
        if (this.#subscription?.isClosed() === false) return;
        this.#subscription = connection.subscribe(this.#options.subject, {
          callback: (_error, message) => this.#hear(message),
        });
      },
    });
  }

  say(fact: Fact): void {
    this.#gathered.push(this.#options.write(fact));
    if (this.#gathered.length >= FACTS_MAX) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), GATHER_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#removeListener?.();
    this.#subscription?.unsubscribe();
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const said: Said = { gateway: this.#options.gateway, facts: this.#gathered };
    this.#gathered = [];
    if (!this.#link.connected) return;
    this.#link.connection.publish(this.#options.subject, JSON.stringify(said));
  }

  #hear(message: Msg): void {
    try {
      const { gateway, facts } = message.json<Said>();
      if (gateway === this.#options.gateway) return;
      for (const each of facts) {
        const fact = this.#options.read(each);
        if (fact !== undefined) this.#options.onFact(fact);
      }
    } catch {
      // Not one of ours: nobody else may publish here, and nothing hangs on one message.
    }
  }
}
