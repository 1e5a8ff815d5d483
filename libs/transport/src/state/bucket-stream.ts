/** The stream behind a bucket. Its layout is a NATS key-value bucket's: `nats kv` reads it. */
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { bucketStream, bucketSubject } from '@switchboard/contract';
import { ensureStream } from '../link/topology.ts';

export interface BucketBounds {
  readonly name: string;
  /** 1, or 3 on a cluster. */
  readonly replicas: number;
  /** How long a value stays after it was last written, milliseconds. */
  readonly ttlMs: number;
  readonly maxBytes: number;
}

const NANOS = 1_000_000;
/** Nothing here is told apart by message ids. */
const DUPLICATE_WINDOW_MS = 100;

/** Makes the buckets, or brings those there are to these bounds. @throws JetStreamApiError */
export async function ensureBuckets(
  connection: NatsConnection,
  buckets: readonly BucketBounds[],
): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 });
  for (const { name, replicas, ttlMs, maxBytes } of buckets) {
    await ensureStream(manager, {
      name: bucketStream(name),
      subjects: [bucketSubject(name, '>')],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      // A full bucket refuses: what is stored was promised to stay.
      discard: DiscardPolicy.New,
      max_msgs_per_subject: 1,
      max_bytes: maxBytes,
      max_age: ttlMs * NANOS,
      duplicate_window: DUPLICATE_WINDOW_MS * NANOS,
      num_replicas: replicas,
      allow_rollup_hdrs: true,
      deny_delete: true,
    });
  }
}
