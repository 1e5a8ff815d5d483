/** What NATS refuses: said once each, in words that tell what to do. */
import {
  AuthorizationError,
  PermissionViolationError,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node';
import type { TransportLog } from './log.ts';

export const REFUSED_CREDENTIALS =
  'NATS refuses the credentials: check NATS_USER and NATS_PASSWORD, or NATS_TOKEN';
const REFUSED_RIGHT = 'NATS does not permit this: check the rights of the NATS user';

/** Tries with credentials that were refused cost the server more than others: ms, doubled. */
const REFUSED_RETRY_MS = 500;
const REFUSED_RETRY_MAX_MS = 8_000;
/** Rights missed that are told apart; subjects hold ids, so there may be any number. */
const TOLD_MAX = 50;

export class LinkFaults {
  readonly #log: TransportLog;
  readonly #retryMs: number;
  #told = new Set<string>();
  /** In a row, until a connection came up. */
  #refusals = 0;

  /** `retryMs`: how long to wait before another try when NATS cannot be reached. */
  constructor(log: TransportLog, retryMs: number) {
    this.#log = log;
    this.#retryMs = retryMs;
  }

  /** Whether NATS was reached and did not let us in. */
  get credentialsRefused(): boolean {
    return this.#refusals > 0;
  }

  /** How long to wait before the next try to connect, with some chance in it, milliseconds. */
  get delayMs(): number {
    const refusedMs = Math.min(REFUSED_RETRY_MS * 2 ** (this.#refusals - 1), REFUSED_RETRY_MAX_MS);
    return (this.#refusals === 0 ? this.#retryMs : refusedMs) * (1 + Math.random() / 2);
  }

  /** A connection came up. */
  clear(): void {
    this.#refusals = 0;
    this.#told = new Set();
  }

  /** A try to connect failed. */
  connecting(error: Error): void {
    if (isRefusal(error)) return this.#refused(error);
    this.#refusals = 0;
    const { message: reason } = error;
    this.#once(reason, () => this.#log.warn({ reason }, 'NATS cannot be reached; trying on'));
  }

  /** Something failed on a connection, or on the way to the next one. */
  connected(error: Error): void {
    if (isRefusal(error)) return this.#refused(error);
    if (!(error instanceof PermissionViolationError)) {
      this.#log.error({ reason: error.message }, 'NATS error');
      return;
    }
    const { operation, subject } = error;
    // The rest of a subject names runs and users, of which there are many.
    const what = `${operation} ${subject.split('.').slice(0, 5).join('.')}`;
    this.#once(what, () => this.#log.error({ operation, subject }, REFUSED_RIGHT));
  }

  #refused({ message: reason }: Error): void {
    this.#refusals += 1;
    this.#once(REFUSED_CREDENTIALS, () => this.#log.error({ reason }, REFUSED_CREDENTIALS));
  }

  #once(what: string, tell: () => void): void {
    if (this.#told.has(what) || this.#told.size >= TOLD_MAX) return;
    this.#told.add(what);
    tell();
  }
}

/** Also when it ends a connection: credentials that hold no longer. */
function isRefusal(error: Error): boolean {
  return error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError;
}
