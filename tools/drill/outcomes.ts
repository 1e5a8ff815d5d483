/** Calls as a test of a judge needs them. Tests only. */
import type { ChatOutcome } from './chat-call.ts';

/** A call that was answered with 200 after 510 ms, the rest as `different` says. */
export function outcome(
  different: Partial<ChatOutcome> & { latencyMs?: number } = {},
): ChatOutcome {
  const { latencyMs = 510, ...rest } = different;
  const sentAtMs = rest.sentAtMs ?? 0;
  return {
    user: 'somebody',
    sentAtMs,
    endedAtMs: sentAtMs + latencyMs,
    status: 200,
    code: undefined,
    retryAfter: undefined,
    retryAfterMs: undefined,
    shouldRetry: undefined,
    queueWaitMs: 3,
    ...rest,
  };
}

/** One that was refused as it should be. */
export function refusal(
  different: Partial<ChatOutcome> & { latencyMs?: number } = {},
): ChatOutcome {
  return outcome({
    latencyMs: 4,
    status: 503,
    code: 'server_is_overloaded',
    retryAfter: '7',
    retryAfterMs: '6300',
    shouldRetry: 'true',
    queueWaitMs: undefined,
    ...different,
  });
}
