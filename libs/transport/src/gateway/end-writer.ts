/** Storing an end from a gateway: of a queued run, or against a worker that runs it. */
import { encodeEvents, type RunEnd, runEnd, runState } from '@switchboard/contract';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { store, StoreError } from '../link/store.ts';

/**
 * - `always`: unless the run has an end.
 * - `unless started`: only while nobody has begun it.
 */
export type EndWhen = 'always' | 'unless started';

/**
 * One try. @returns `conflict` when the run has an end already (perhaps this one, whose
 * acknowledgement was lost), or has started. @throws StoreError when it is not known to be stored
 */
export async function tryToEnd(
  link: NatsLink,
  run: string,
  end: RunEnd,
  when: EndWhen,
): Promise<'stored' | 'conflict'> {
  const data = encodeEvents({ a: 0, n: 1, e: [end] });
  const filter = when === 'always' ? {} : { filter: runState(run) };
  try {
    await store(link, runEnd(run), data, { expectedLast: 0, id: `${run}.${end.type}`, ...filter });
    return 'stored';
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'conflict') return 'conflict';
    throw error;
  }
}

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;

/**
 * Tries until it is known, while NATS is away too; never rejects. @returns undefined when `signal`
 * aborted first.
 */
export async function endPatiently(
  link: NatsLink,
  run: string,
  { end, when }: { readonly end: RunEnd; readonly when: EndWhen },
  options: { readonly signal: AbortSignal; readonly onFailure: (error: unknown) => void },
): Promise<'stored' | 'conflict' | undefined> {
  const { signal, onFailure } = options;
  for (
    let delayMs = RETRY_FIRST_MS;
    !signal.aborted;
    delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
  ) {
    try {
      return await tryToEnd(link, run, end, when);
    } catch (error) {
      onFailure(error);
    }
    await abortableSleep(delayMs, signal);
  }
  return undefined;
}
