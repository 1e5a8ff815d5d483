/** What a module throws, as a failure of its run. */
import { isAgentError } from '@switchboard/agent';
import type { AgentErrorCode } from '@switchboard/agent';
import { SwitchboardError } from '@switchboard/contract';
import { safeMessage } from '../llm/safe-message.ts';
import type { RunnerContext } from '../runner/runner-context.ts';

const CODES: readonly AgentErrorCode[] = ['agent_failed', 'agent_unavailable', 'invalid_request'];
const FRAMES_MAX = 10;

/**
 * The failure that the caller is told.
 *
 * @param modelFailure What the run's last call of a model failed with, if it did: a framework
 *   throws its own error over it.
 */
export function failureOf(
  thrown: unknown,
  agent: string,
  modelFailure: SwitchboardError | undefined,
): SwitchboardError {
  if (thrown instanceof SwitchboardError) return thrown;
  if (!isAgentError(thrown)) {
    if (modelFailure !== undefined) return modelFailure;
    return new SwitchboardError('agent_failed', `The agent ${agent} failed.`, { cause: thrown });
  }
  // Another copy of the package made it, perhaps an older or a newer one.
  const { code, message, param, retryAfter } = thrown;
  const details = {
    param: typeof param === 'string' ? safeMessage(param, []) : undefined,
    retryAfterMs: isSeconds(retryAfter) ? retryAfter * 1_000 : undefined,
    cause: thrown,
  };
  const known = CODES.includes(code) ? code : 'agent_failed';
  return new SwitchboardError(
    known,
    safeMessage(typeof message === 'string' ? message : '', []),
    details,
  );
}

/**
 * Where it failed. Not the message of an error that is not meant for others: it may quote what a
 * user wrote or a model answered.
 */
export function logFailure(thrown: unknown, agent: string, context: RunnerContext): void {
  const { run, requestId, attempt, log } = context;
  const isError = thrown instanceof Error;
  const code = isError && 'code' in thrown ? thrown.code : undefined;
  const fields = {
    run,
    requestId,
    attempt,
    agent,
    error: isError ? thrown.name : typeof thrown,
    ...(typeof code === 'string' ? { code } : {}),
    ...(isOurWord(thrown) ? { reason: safeMessage(thrown.message, []) } : {}),
    ...(isError ? { stack: framesOf(thrown) } : {}),
  };
  log.warn(fields, 'an agent in code failed');
}

/** Whether the message was written for others. A provider's may quote the prompt. */
function isOurWord(thrown: unknown): thrown is Error {
  if (thrown instanceof SwitchboardError) return thrown.code === 'agent_failed';
  return isAgentError(thrown);
}

/** V8 puts the message before the frames. */
function framesOf({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.slice(0, FRAMES_MAX).join('\n');
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
