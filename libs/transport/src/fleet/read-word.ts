/** What is heard of workers is checked before it is believed. */
import type { Msg } from '@nats-io/transport-node';
import { AGENT_CARDS_MAX, isToken, WorkerWord } from '@switchboard/contract';

/** No word of a worker is as long; most are without agents, and a thousandth of it. */
const WORD_MAX_BYTES = 2_560 * (1 + AGENT_CARDS_MAX);

/** A worker's token and word, or undefined when the message is none. */
export function readWord(message: Msg): { token: string; word: WorkerWord } | undefined {
  const [, pool, token = ''] = message.subject.split('.');
  if (!isToken(token) || message.data.length > WORD_MAX_BYTES) return undefined;
  let data: unknown;
  try {
    data = message.json();
  } catch {
    return undefined;
  }
  const { data: word } = WorkerWord.safeParse(data);
  return word === undefined || word.pool !== pool ? undefined : { token, word };
}
