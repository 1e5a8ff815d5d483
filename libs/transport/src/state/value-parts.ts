/** Values that no message can carry, in parts under their key: `<key>.<version>.<part>`. */
import type { BucketMessages } from './bucket-messages.ts';
import type { StoredParts } from './stored-value.ts';

/** @throws SwitchboardError `storage_full`, `queue_unavailable`: then some may be stored */
export async function putParts(
  messages: BucketMessages,
  key: string,
  version: string,
  parts: Iterable<Uint8Array>,
): Promise<void> {
  let part = 0;
  for (const data of parts) {
    const name = `${key}.${version}.${part}`;
    // Stored twice it is the same: a subject holds one message.
    await messages.patiently(() => messages.storeOnce(name, data));
    part += 1;
  }
}

/** @returns undefined when they are not all there (any more) */
export async function readParts(
  messages: BucketMessages,
  key: string,
  { version, count, bytes }: StoredParts,
): Promise<Uint8Array | undefined> {
  const data = new Uint8Array(bytes);
  let at = 0;
  for (let part = 0; part < count; part++) {
    const stored = await messages.read(`${key}.${version}.${part}`);
    if (stored === undefined || at + stored.data.length > data.length) return undefined;
    data.set(stored.data, at);
    at += stored.data.length;
  }
  return at === data.length ? data : undefined;
}

export function* cut(data: Uint8Array, partBytes: number): Generator<Uint8Array> {
  for (let from = 0; from < data.length; from += partBytes) {
    yield data.subarray(from, from + partBytes);
  }
}
