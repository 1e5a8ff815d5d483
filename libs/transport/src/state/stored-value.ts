/** One message of a bucket as the stream's leader gives it. */

export interface StoredParts {
  readonly version: string;
  readonly count: number;
  readonly bytes: number;
}

export interface StoredValue {
  readonly data: Uint8Array;
  /** Sequence in the stream. */
  readonly revision: number;
  /** Which write stored it; undefined for what other tools wrote. */
  readonly version: string | undefined;
  /** Where the value lies when it is larger than a message may be. */
  readonly parts: StoredParts | undefined;
  /** A marker that other tools leave where a value was. */
  readonly deleted: boolean;
}

interface Answer {
  readonly message: { readonly seq: number; readonly data?: string; readonly hdrs?: string };
}

/** Reads the answer to `STREAM.MSG.GET`. */
export function parseStored(answer: object): StoredValue {
  const { seq, data, hdrs } = (answer as Answer).message;
  const headers = Buffer.from(hdrs ?? '', 'base64').toString('latin1');
  const header = (name: string): string | undefined =>
    new RegExp(`^${name}: *(.*?)\\r$`, 'm').exec(headers)?.[1];
  const version = header('Switchboard-Write');
  const [count, bytes] = (header('Switchboard-Parts') ?? '').split(' ').map(Number);
  const large = version !== undefined && count !== undefined && bytes !== undefined;
  return {
    data: Buffer.from(data ?? '', 'base64'),
    revision: seq,
    version,
    parts: large ? { version, count, bytes } : undefined,
    deleted: header('KV-Operation') !== undefined,
  };
}
