/** One message as it was heard live. */
import type { Msg } from '@nats-io/transport-node';
import { decodeEvents, type EventMessage, toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';

export interface Heard {
  readonly message: EventMessage;
  readonly isEnd: boolean;
  /** Its size, in characters. */
  readonly chars: number;
}

/** Undefined when it cannot be read. */
export function toHeard(message: Msg, log: TransportLog): Heard | undefined {
  // live.<gateway>.<run>.claim, ….log.<attempt> or ….end
  const [, , run, kind] = message.subject.split('.');
  try {
    const text = message.string();
    return { message: decodeEvents(text), isEnd: kind === 'end', chars: text.length };
  } catch (error) {
    // Not its message: a parser quotes what it could not read.
    log.error({ run, reason: toError(error).name }, 'unreadable run event');
    return undefined;
  }
}
