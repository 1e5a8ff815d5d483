/** Times and sizes that gateway and workers must agree on. Milliseconds and bytes. */

/** A request not acknowledged or renewed for this long is handed out again. */
export const ACK_WAIT_MS = 10_000;
/** How often a worker renews its requests and says that their runs are alive. */
export const HEARTBEAT_MS = 3_000;
/**
 * A worker that could not store a heartbeat for this long stops the run: somebody else may take it.
 * Shorter than {@link TAKEOVER_MS} by more than a heartbeat, so that two never run at once.
 */
export const LEASE_MS = 12_000;
/** A run is taken over when its log has been silent for this long (server's clock). */
export const TAKEOVER_MS = 16_000;
/** A run is given up as `too_many_attempts` when this many workers died on it. */
export const MAX_ATTEMPTS = 3;
/**
 * A run that this many workers died on is a suspect: it is begun only where nothing else runs, so
 * that its last attempt costs nobody else anything, and is ended by nobody else's fault.
 */
export const SUSPECT_FROM = MAX_ATTEMPTS - 1;
/** Room for the envelope around the caller's body in a NATS message. */
export const ENVELOPE_BYTES = 16_384;
/** How often a gateway says that it lives. */
export const GATEWAY_BEAT_MS = 3_000;
/** A gateway that was not heard for this long counts as lost. */
export const GATEWAY_LOST_MS = 12_000;
