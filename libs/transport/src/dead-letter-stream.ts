/** The stream of dead letters, as it is read and emptied. */
import { JetStreamApiError, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import {
  DEAD_LETTERS_STREAM,
  DEAD_LETTERS_SUBJECTS,
  SwitchboardError,
  toError,
} from '@switchboard/contract';
import type { NatsLink } from './link/nats-link.ts';
import { api, StoreError } from './link/store.ts';

const STREAM_NOT_FOUND = 10_059;
const ANSWER_TIMEOUT_MS = 5_000;

/** Everything here throws the SwitchboardError `queue_unavailable` when NATS does not answer. */
export class DeadLetterStream {
  readonly #link: NatsLink;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** Those under `filter`, oldest first. What comes meanwhile is left out, so that this ends. */
  async *all(filter = DEAD_LETTERS_SUBJECTS): AsyncGenerator<StoredMsg> {
    const last = await this.#lastId();
    for (let seq = 1; seq <= last;) {
      const message = await this.#get({ seq, next_by_subj: filter });
      if (message === undefined || message.seq > last) return;
      yield message;
      seq = message.seq + 1;
    }
  }

  read(id: number): Promise<StoredMsg | undefined> {
    return this.#get({ seq: id });
  }

  /** @returns whether there was one. */
  async delete(id: number): Promise<boolean> {
    return (await this.#api('STREAM.MSG.DELETE', { seq: id })) !== undefined;
  }

  /** Removes all. @returns how many. */
  async purge(): Promise<number> {
    const answer: { purged?: number } = (await this.#api('STREAM.PURGE', {})) ?? {};
    return answer.purged ?? 0;
  }

  /** 0 when nothing was ever given up, or no gateway has made the stream yet. */
  async #lastId(): Promise<number> {
    const info: { state?: { last_seq?: number } } = (await this.#api('STREAM.INFO', {})) ?? {};
    return info.state?.last_seq ?? 0;
  }

  async #get(query: { seq: number; next_by_subj?: string }): Promise<StoredMsg | undefined> {
    try {
      const options = { checkAPI: false, timeout: ANSWER_TIMEOUT_MS };
      const { streams } = await jetstreamManager(this.#link.connection, options);
      return (await streams.getMessage(DEAD_LETTERS_STREAM, query)) ?? undefined;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return undefined;
      throw toUnavailable(error);
    }
  }

  /** @returns undefined when there is no such letter, or no stream. */
  async #api(call: string, body: object): Promise<object | undefined> {
    try {
      return await api(this.#link, `${call}.${DEAD_LETTERS_STREAM}`, body);
    } catch (error) {
      if (error instanceof StoreError && error.failure === 'not_found') return undefined;
      throw toUnavailable(error);
    }
  }
}

export function toUnavailable(error: unknown): SwitchboardError {
  if (error instanceof SwitchboardError) return error;
  const { message } = toError(error);
  return new SwitchboardError('queue_unavailable', `NATS did not answer: ${message}`, {
    cause: error,
  });
}
