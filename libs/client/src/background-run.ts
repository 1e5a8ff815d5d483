import type { Response, ResponseStatus } from 'openai/resources/responses/responses';
import { AgentStream } from './agent-stream.ts';
import type { Connection } from './agent-stream.ts';
import { AgentError, answerTo } from './errors.ts';

export interface FollowOptions {
  /** Stops the reading or waiting, not the run. */
  readonly signal?: AbortSignal | undefined;
  /** Of `stream`: number of the last event that is known already; default: all are wanted. */
  readonly startingAfter?: number | undefined;
  /** Of `wait`: longest wait, milliseconds; default one hour. Then the code is `wait_timeout`. */
  readonly timeoutMs?: number | undefined;
}

/** A run that goes on by itself. Its id is all there is to keep: no process has to stay for it. */
export class BackgroundRun {
  readonly id: string;
  readonly #connection: Connection;

  constructor(connection: Connection, id: string) {
    this.id = id;
    this.#connection = connection;
  }

  async status(): Promise<ResponseStatus> {
    const { responses } = this.#connection.openai;
    return (await answerTo(responses.retrieve(this.id), this.id)).status ?? 'in_progress';
  }

  /** The status afterwards: a run that has ended already stays as it is. */
  async cancel(): Promise<ResponseStatus> {
    const { responses } = this.#connection.openai;
    return (await answerTo(responses.cancel(this.id), this.id)).status ?? 'cancelled';
  }

  /** Its text so far and from now on; leaving leaves the run alone. */
  stream({ signal, startingAfter }: FollowOptions = {}): AgentStream {
    return new AgentStream(this.#connection, { id: this.id, startingAfter }, signal);
  }

  /** The final response, when it is there. Throws AgentError if the run did not end well. */
  async wait({ signal, timeoutMs = 3_600_000 }: FollowOptions = {}): Promise<Response> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = AbortSignal.any(signal === undefined ? [timeout] : [signal, timeout]);
    try {
      return await this.stream({ signal: either }).response();
    } catch (thrown) {
      if (!timeout.aborted || signal?.aborted === true) throw thrown;
      throw new AgentError('wait_timeout', 'The run has not ended yet.', this.id, thrown);
    }
  }
}
