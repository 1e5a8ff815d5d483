/**
 * Hands the end of every run to one gateway: a durable consumer of the event log that all gateways
 * share.
 *
 * - R1 every end is handed out until a handler is done with it, also when gateways die and NATS
 *   restarts; a handler may see the same end again.
 * - R2 a gateway handles at most {@link SLOTS} ends at once, and nothing is fetched before there is
 *   a slot for it.
 * - R3 an end that is to be looked at again later holds no slot meanwhile.
 * - R4 while nothing ends, a gateway asks once in 30 s for each slot.
 */
import { decodeEvents, SwitchboardError, toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import {
  acknowledge,
  type Delivery,
  giveBack,
  inProgress,
  storedAtMs,
} from '../worker/delivery.ts';
import { ensureRecorder, hasNoStream, RECORDER_ACK_WAIT_MS } from './recorder-consumer.ts';
import { LaterReturns } from './later-returns.ts';
import { isGravestone } from './purge-run.ts';
import { RecorderPulls } from './recorder-pulls.ts';

export interface EndRecorderOptions {
  /**
   * Called with each run that has ended, at least once. `again`: call it once more after so many
   * milliseconds (whole seconds, rounded up, at most an hour). What it throws is logged and tried
   * again, later and later. `signal` aborts when the recorder is closed: the end goes to another
   * gateway then, unless the handler returns normally all the same. `endedAtMs`: when the end was
   * stored, epoch milliseconds by the server's clock.
   */
  onEnd(
    run: string,
    signal: AbortSignal,
    endedAtMs: number,
  ): Promise<void | { readonly again: number }>;
  readonly log: TransportLog;
}

/** Ends handled at once by one gateway. */
const SLOTS = 8;
const AGAIN_MAX_MS = 3_600_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 60_000;
const MAKE_RETRY_MS = 250;
/** How long the handlers may take to stop when the recorder is closed. */
const CLOSE_GRACE_MS = 2_000;

export class EndRecorder {
  readonly #link: NatsLink;
  readonly #options: EndRecorderOptions;
  readonly #pulls: RecorderPulls;
  readonly #later: LaterReturns;
  readonly #closing = new AbortController();
  #slots: Promise<void>[] = [];
  #removeListener: (() => void) | undefined;
  #made = Promise.withResolvers<void>();
  #making = 0;

  constructor(link: NatsLink, options: EndRecorderOptions) {
    this.#link = link;
    this.#options = options;
    this.#later = new LaterReturns(link);
    this.#pulls = new RecorderPulls(link);
  }

  /** Begins to record; returns at once. */
  start(): void {
    this.#removeListener = this.#link.listen({
      up: () => void this.#make(),
      down: () => {
        this.#unmade();
        this.#making = 0;
        this.#pulls.abandon();
      },
    });
    this.#slots = Array.from({ length: SLOTS }, () => this.#work());
  }

  /**
   * Stops taking ends, aborts the handlers and gives back what they do not finish within 2 s; what
   * a handler holds for longer goes to another gateway 30 s later. The link belongs to the caller.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#removeListener?.();
    this.#made.resolve();
    this.#pulls.abandon();
    const timeout = new AbortController();
    await Promise.race([Promise.all(this.#slots), abortableSleep(CLOSE_GRACE_MS, timeout.signal)]);
    timeout.abort();
    this.#later.flush();
  }

  async #work(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#made.promise;
      if (signal.aborted) return;
      const pulled = await this.#pulls.next();
      if (pulled === 'none') continue;
      if (pulled === 'refused') {
        // The consumer may be gone, or has no leader.
        if (this.#link.connected) void this.#make();
        await abortableSleep(MAKE_RETRY_MS, signal);
        continue;
      }
      await this.#handle(pulled);
    }
  }

  async #handle(delivery: Delivery): Promise<void> {
    const { signal } = this.#closing;
    const run = delivery.subject.split('.')[2] ?? '';
    if (isPurged(delivery)) return acknowledge(this.#link, delivery.reply);
    const renewing = setInterval(
      () => inProgress(this.#link, delivery.reply),
      RECORDER_ACK_WAIT_MS / 3,
    );
    // Also from a handler that does not heed the signal: its end goes to another gateway.
    const stop = (): void => clearInterval(renewing);
    signal.addEventListener('abort', stop);
    try {
      const result = await this.#options.onEnd(run, signal, storedAtMs(delivery));
      if (typeof result !== 'object') return acknowledge(this.#link, delivery.reply);
      this.#later.add(delivery.reply, Math.min(result.again, AGAIN_MAX_MS));
    } catch (error) {
      if (signal.aborted) return giveBack(this.#link, delivery.reply, 0);
      const code = error instanceof SwitchboardError ? error.code : toError(error).name;
      const deliveries = deliveredTimes(delivery);
      const retryMs = Math.min(RETRY_FIRST_MS * 2 ** (deliveries - 1), RETRY_MAX_MS);
      this.#options.log.warn({ run, code, deliveries }, 'end not recorded; trying again');
      this.#later.add(delivery.reply, retryMs);
    } finally {
      stop();
      signal.removeEventListener('abort', stop);
    }
  }

  #unmade(): void {
    this.#made.resolve();
    this.#made = Promise.withResolvers<void>();
    if (this.#closing.signal.aborted) this.#made.resolve();
  }

  /** One loop per connection epoch; the stream itself is made by the {@link RunClient}. */
  async #make(): Promise<void> {
    const { epoch } = this.#link;
    if (this.#making === epoch) return;
    this.#making = epoch;
    let reported = '';
    const { signal } = this.#closing;
    while (!signal.aborted && this.#link.connected && this.#link.epoch === epoch) {
      try {
        await ensureRecorder(this.#link.connection);
        if (this.#link.epoch !== epoch) return;
        this.#making = 0;
        this.#made.resolve();
        return;
      } catch (error) {
        const reason = toError(error).message;
        // Who makes the stream says it if that fails; at a start it comes in a moment.
        const level = hasNoStream(error) ? 'debug' : 'warn';
        if (reason !== reported)
          this.#options.log[level]({ reason }, 'recorder not made; trying on');
        reported = reason;
        await abortableSleep(MAKE_RETRY_MS, signal);
      }
    }
  }
}

/** What purging a run leaves behind is an end too, of which nothing is left to record. */
function isPurged({ data }: Delivery): boolean {
  try {
    return isGravestone(decodeEvents(new TextDecoder().decode(data)));
  } catch {
    // Unreadable: the handler knows what to do with a run whose events cannot be read.
    return false;
  }
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<stored at>.<pending>` */
function deliveredTimes({ reply }: Delivery): number {
  return Number(reply.split('.').at(-5)) || 1;
}
