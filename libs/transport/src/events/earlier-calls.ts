/** Which tools the earlier attempts of a run had begun, as its log tells. */
import { decodeEvents, EVENTS_STREAM, type EventMessage, runEvents } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { api } from '../link/store.ts';

/** A call that an earlier attempt had begun. Without `output` nobody knows what became of it. */
export interface EarlierCall {
  readonly output?: string;
  readonly failed?: boolean;
}

interface GetAnswer {
  readonly message: { readonly seq: number; readonly data?: string };
}

/**
 * The calls of all attempts before `attempt`, by their id. The log is read from the stream's leader
 * up to the claim of that attempt: whatever an earlier one has stored lies before it. A part that
 * leaves a gap counts like any other: a call that was perhaps begun is one that was.
 * @throws StoreError also when that claim is not stored any more
 */
export async function readEarlierCalls(
  link: NatsLink,
  run: string,
  attempt: number,
): Promise<ReadonlyMap<string, EarlierCall>> {
  const calls = new Map<string, EarlierCall>();
  for (let seq = 1; ;) {
    const query = { seq, next_by_subj: runEvents(run) };
    const { message } = (await api(link, `STREAM.MSG.GET.${EVENTS_STREAM}`, query)) as GetAnswer;
    const said = decodeEvents(Buffer.from(message.data ?? '', 'base64').toString());
    if (said.a >= attempt) return calls;
    takeCalls(said, calls);
    seq = message.seq + 1;
  }
}

function takeCalls({ e }: EventMessage, calls: Map<string, EarlierCall>): void {
  for (const event of e) {
    if (event.type === 'tool.started' && !calls.has(event.id)) calls.set(event.id, {});
    if (event.type !== 'tool.result') continue;
    const { id, output, failed = false } = event;
    calls.set(id, { output, failed });
  }
}
