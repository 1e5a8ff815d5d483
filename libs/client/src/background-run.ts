import { AgentStream } from './agent-stream.ts';
import type { Connection, FollowOptions } from './agent-stream.ts';
import { AgentError, answerTo } from './errors.ts';

export interface WaitOptions extends Pick<FollowOptions, 'signal'> {
  /** Longest wait, milliseconds; default one hour. Then the code is `wait_timeout`. */
  readonly timeoutMs?: number | undefined;
}

export type BackgroundRun = ReturnType<typeof backgroundRun>;

/** A run that goes on by itself. Its id is all there is to keep: no process has to stay for it. */
export function backgroundRun(id: string, connection: Connection) {
  const { responses } = connection.openai;
  const stream = (options: FollowOptions = {}) => new AgentStream(connection, { ...options, id });
  return {
    id,
    status: async () => (await answerTo(responses.retrieve(id), id)).status ?? 'in_progress',
    /** The status afterwards: a run that has ended already stays as it is. */
    cancel: async () => (await answerTo(responses.cancel(id), id)).status ?? 'cancelled',
    /** Its text so far and from now on; leaving leaves the run alone. */
    stream,
    /** The final response, when it is there. Throws AgentError if the run did not end well. */
    wait: async ({ signal, timeoutMs = 3_600_000 }: WaitOptions = {}) => {
      const timeout = AbortSignal.timeout(timeoutMs);
      const waiting = stream({ signal: AbortSignal.any([timeout, signal ?? []].flat()) });
      return await waiting.response().catch((thrown: unknown) => {
        if (!timeout.aborted || signal?.aborted === true) throw thrown;
        throw new AgentError('wait_timeout', 'The run has not ended yet.', id, thrown);
      });
    },
  };
}
