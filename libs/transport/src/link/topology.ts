/**
 * The streams and consumers, made on every (re)connect: a memory stream vanishes with its server,
 * and a restored server may be an empty one. The gateway owns the streams (it knows the bounds),
 * the worker the consumers of its pool.
 */
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import {
  AckPolicy,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  ACK_WAIT_MS,
  DEAD_LETTERS_STREAM,
  DEAD_LETTERS_SUBJECTS,
  doorbellRepublished,
  EVENTS_STREAM,
  EVENTS_SUBJECTS,
  LANES,
  laneConsumer,
  laneFilter,
  LIVE_SUBJECTS,
  PRIORITIES,
  requestsStream,
  requestSubjects,
  requestSubjectsExact,
} from '@switchboard/contract';

export interface StreamBounds {
  /** Stream replicas: 1, or 3 on a cluster. */
  readonly replicas: number;
  /** Most requests queued and running per pool. */
  readonly maxOutstanding: number;
  /** Most bytes of them per pool. */
  readonly maxOutstandingBytes: number;
  readonly eventsMaxBytes: number;
  readonly eventsMaxAgeMs: number;
}

const NANOS = 1_000_000;
/** Longest a request may exist; only a backstop behind queue and run timeouts. */
const REQUEST_MAX_AGE_MS = 7 * 86_400_000;
const DEAD_LETTER_MAX_AGE_MS = 7 * 86_400_000;
const DEAD_LETTER_MAX_BYTES = 64 * 1024 * 1024;
const DUPLICATE_WINDOW_MS = 120_000;

/**
 * Makes the streams, or brings those there are to these bounds. @returns when each pool's stream
 * was made, to know it from another of the same name. @throws JetStreamApiError
 */
export async function ensureStreams(
  connection: NatsConnection,
  pools: readonly string[],
  bounds: StreamBounds,
): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 });
  await ensureStream(manager, eventsStream(bounds));
  await ensureStream(manager, deadLettersStream(bounds));
  for (const pool of pools) {
    const { created } = await ensureStream(manager, poolStream(pool, bounds));
    made.set(pool, created);
  }
  return made;
}

/** One pool's alone. @returns when it was made @throws JetStreamApiError */
export async function ensurePoolStream(
  connection: NatsConnection,
  pool: string,
  bounds: StreamBounds,
): Promise<string> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 });
  const { created } = await ensureStream(manager, poolStream(pool, bounds));
  return created;
}

/** Makes the lane consumers of a pool. @throws JetStreamApiError when its stream is missing. */
export async function ensureConsumers(connection: NatsConnection, pool: string): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 });
  const lanes = PRIORITIES.flatMap((priority) => LANES.map((lane) => ({ priority, lane })));
  for (const { priority, lane } of lanes) {
    await manager.consumers.add(requestsStream(pool), {
      durable_name: laneConsumer(priority, lane),
      filter_subject: laneFilter(pool, priority, lane),
      ack_policy: AckPolicy.Explicit,
      ack_wait: ACK_WAIT_MS * NANOS,
      max_deliver: -1,
      // Both are fleet-wide caps with small defaults (1,000 and 512).
      max_ack_pending: -1,
      max_waiting: 100_000,
    });
  }
}

export async function ensureStream(
  manager: JetStreamManager,
  config: Partial<StreamConfig> & { name: string },
): Promise<StreamInfo> {
  try {
    return await manager.streams.add(config);
  } catch (error) {
    // 10058: there is a stream of this name with another configuration.
    if (!(error instanceof JetStreamApiError) || error.code !== 10058) throw error;
    return await manager.streams.update(config.name, config);
  }
}

function poolStream(pool: string, bounds: StreamBounds): Partial<StreamConfig> & { name: string } {
  return {
    name: requestsStream(pool),
    subjects: [requestSubjects(pool)],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_msgs_per_subject: 1,
    max_msgs: bounds.maxOutstanding,
    max_bytes: bounds.maxOutstandingBytes,
    max_age: REQUEST_MAX_AGE_MS * NANOS,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOS,
    num_replicas: bounds.replicas,
    allow_msg_ttl: true,
    // The server itself rings for every stored request, and for nothing else.
    republish: {
      src: requestSubjectsExact(pool),
      dest: doorbellRepublished(pool),
      headers_only: true,
    },
  };
}

function eventsStream(bounds: StreamBounds): Partial<StreamConfig> & { name: string } {
  return {
    name: EVENTS_STREAM,
    subjects: [EVENTS_SUBJECTS],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_bytes: bounds.eventsMaxBytes,
    max_age: bounds.eventsMaxAgeMs * NANOS,
    max_msgs_per_subject: 100_000,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOS,
    num_replicas: bounds.replicas,
    allow_direct: true,
    // Readers hear what is stored, in the order of the log, and nothing that was refused.
    republish: { src: EVENTS_SUBJECTS, dest: LIVE_SUBJECTS },
  };
}

function deadLettersStream(bounds: StreamBounds): Partial<StreamConfig> & { name: string } {
  return {
    name: DEAD_LETTERS_STREAM,
    subjects: [DEAD_LETTERS_SUBJECTS],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_bytes: DEAD_LETTER_MAX_BYTES,
    max_age: DEAD_LETTER_MAX_AGE_MS * NANOS,
    num_replicas: bounds.replicas,
  };
}
