/**
 * Putting a run on the queue, and undoing what was half done.
 *
 * - C3 a request whose storing is in doubt is undone, so that nobody pays for an answer nobody
 *   waits for.
 */
import { type AgentProfile, userToken } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { StoreError } from '../link/store.ts';
import type { FollowedRuns } from './followed-runs.ts';
import { OwnRun, type RunHandle } from './handles.ts';
import type { OwnRuns } from './own-runs.ts';
import { queueUnavailable } from './queue-unavailable.ts';
import type { Reader } from './reader.ts';
import type { RequestPublisher } from './request-publisher.ts';
import type { Run } from './run.ts';
import { encodeRequest, type Submission } from './submission.ts';

export interface SubmitterOptions {
  readonly link: NatsLink;
  readonly runs: OwnRuns;
  readonly followed: FollowedRuns;
  readonly publisher: RequestPublisher;
}

export class RunSubmitter {
  readonly #options: SubmitterOptions;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  /**
   * `id`: a fresh run id of this gateway. When `signal` aborts meanwhile, the run is undone and the
   * abort thrown.
   * @throws SwitchboardError `too_many_outstanding`, `queue_full`, `queue_unavailable`,
   *   `body_too_large`
   */
  async submit(id: string, submission: Submission, signal: AbortSignal): Promise<RunHandle> {
    const { link, runs, followed } = this.#options;
    const data = encodeRequest(id, submission, link.maxPayload);
    // Registered before anything is sent: the first event may come before the acknowledgement.
    const run = runs.add(id, submission);
    // A run that goes on by itself is most often not read from its beginning.
    const reader = followed.read(id, { fresh: submission.onDisconnect !== 'continue' });
    try {
      await this.#publish(run, submission, data);
    } catch (error) {
      this.#undo(run, reader, error);
      throw error instanceof StoreError ? queueUnavailable(error) : error;
    }
    if (signal.aborted) {
      void run.cancel('client_gone');
      reader.close();
      signal.throwIfAborted();
    }
    return new OwnRun(run, reader);
  }

  async #publish(run: Run, submission: Submission, data: Uint8Array): Promise<void> {
    const { account, accountMost, maxOutstanding, priority, profile, user } = submission;
    const queued = await this.#options.publisher.publish({
      pool: profile.pool,
      priority: priority ?? 'normal',
      account: userToken(account ?? user),
      accountMost,
      user: userToken(user),
      run: run.run,
      data,
      ttlSeconds: backstopSeconds(profile),
      maxOutstanding,
    });
    this.#options.runs.accepted(run.run, queued, data.length);
    run.accepted(queued);
  }

  /**
   * C3: refused is refused; anything in doubt is ended and taken off the queue when NATS is back.
   */
  #undo(run: Run, reader: Reader, error: unknown): void {
    if (error instanceof StoreError) void run.cancel('client_gone');
    else this.#options.runs.forget(run.run);
    reader.close();
  }
}

/** Longer than anything the run may do; the server's own clean-up behind all others. */
function backstopSeconds(profile: AgentProfile): number {
  return Math.ceil(profile.queue_timeout + 4 * profile.timeout + 3_600);
}
