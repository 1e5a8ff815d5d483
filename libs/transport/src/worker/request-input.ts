/** The request as a worker reads it off the queue, and the part of it that was too large for it. */
import { ChatRequest, RunRequest } from '@switchboard/contract';
import { abortableSleep } from '../link/nats-link.ts';

/** Reads what the gateway has stored under `key`; undefined when it is not there. */
export type LoadInput = (key: string) => Promise<Uint8Array | undefined>;

/** While the storage cannot be reached it is asked again, for so long altogether. */
const TRY_FOR_MS = 20_000;
const RETRY_MS = 500;

/** Undefined for what no worker of this version can read: it is kept as a dead letter. */
export function parseRequest(data: Uint8Array): RunRequest | undefined {
  try {
    return RunRequest.parse(JSON.parse(new TextDecoder().decode(data)));
  } catch {
    // Whatever is wrong with it, the message must not say: it may hold a prompt.
    return undefined;
  }
}

/**
 * - `whole`: with its chat.
 * - `missing`: its input is not stored, or cannot be read.
 * - `away`: the storage did not answer in time, or the run was stopped meanwhile.
 */
export type Loaded =
  | { readonly kind: 'whole'; readonly request: RunRequest }
  | { readonly kind: 'missing' }
  | { readonly kind: 'away' };

/** Never throws. */
export async function withInput(
  request: RunRequest,
  load: LoadInput | undefined,
  signal: AbortSignal,
): Promise<Loaded> {
  const { input } = request;
  if (input === undefined) return { kind: 'whole', request };
  if (load === undefined) return { kind: 'missing' };
  const giveUpAtMs = performance.now() + TRY_FOR_MS;
  while (!signal.aborted && performance.now() < giveUpAtMs) {
    const data = await loadSafely(load, input, giveUpAtMs, signal);
    if (data !== 'away') return toWhole(request, data);
    await abortableSleep(RETRY_MS, signal);
  }
  return { kind: 'away' };
}

async function loadSafely(
  load: LoadInput,
  key: string,
  giveUpAtMs: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined | 'away'> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  signal.addEventListener('abort', stop);
  try {
    const late = abortableSleep(giveUpAtMs - performance.now(), over.signal);
    return await Promise.race([load(key), late.then(() => 'away' as const)]);
  } catch {
    // NATS is away: asked again.
    return 'away';
  } finally {
    over.abort();
    signal.removeEventListener('abort', stop);
  }
}

function toWhole(request: RunRequest, data: Uint8Array | undefined): Loaded {
  if (data === undefined) return { kind: 'missing' };
  try {
    const chat = ChatRequest.parse(JSON.parse(new TextDecoder().decode(data)));
    return { kind: 'whole', request: { ...request, chat } };
  } catch {
    // The error would quote the prompt.
    return { kind: 'missing' };
  }
}
