/** The durable consumer behind the recorder. */
import { AckPolicy, DeliverPolicy, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { END_SUBJECTS, EVENTS_STREAM, RECORDER_CONSUMER } from '@switchboard/contract';

export const RECORDER = RECORDER_CONSUMER;
/** An end whose gateway fell silent for this long goes to another. */
export const RECORDER_ACK_WAIT_MS = 30_000;

/**
 * Most ends handed out and not finished, over all gateways: those that wait for their resume window
 * count. 30 s at 500 ends a second are 15,000; the server looks through all of them about once a
 * second, and writes them to its disk. When there are more, new ends wait in the stream, and those
 * that are due go first, so it is never stuck.
 */
const WAITING_MAX = 50_000;
/** One pull per slot and gateway, over all gateways; the default of 512 is 64 gateways. */
const PULLS_MAX = 16_384;
const NANOS = 1_000_000;

/** @throws JetStreamApiError, also while there is no stream */
export async function ensureRecorder(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 });
  await manager.consumers.add(EVENTS_STREAM, {
    durable_name: RECORDER,
    // The ends of all runs of all gateways.
    filter_subject: END_SUBJECTS,
    // Ends that were stored before there was a recorder are recorded too.
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    ack_wait: RECORDER_ACK_WAIT_MS * NANOS,
    max_deliver: -1,
    max_ack_pending: WAITING_MAX,
    max_waiting: PULLS_MAX,
  });
}

const STREAM_NOT_FOUND = 10_059;

/** Whether the consumer cannot be made because nobody has made the stream yet. */
export function hasNoStream(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
}
