import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACK_WAIT_MS, newRunId, RunRequest } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { RunAttempt } from './run-attempt.ts';
import { RunGate } from './run-gate.ts';
import { RunLog } from './run-log.ts';

const quiet = (): undefined => undefined;

/** An attempt at a request that was asked for so long ago, over a link that must not be used. */
function attempt(agoMs: number): RunAttempt {
  const link = {
    get connected(): boolean {
      throw new Error('the link is used');
    },
  } as unknown as NatsLink;
  const run = newRunId('gateway');
  const chat = { messages: [] };
  const names = { run, requestId: 'r' };
  const stream = { v: 1, agent: 'a', stream: true, queueTimeoutMs: 1_000 };
  const request = RunRequest.parse({ ...names, ...stream, chat });
  const log = new RunLog(link, run, 'worker');
  const gate = new RunGate({ onChange: quiet });
  const pass = gate.enter();
  assert.ok(pass);
  const options = {
    link,
    pool: 'default',
    handler: async function* () {},
    ring: quiet,
    callerOf: () => 'present' as const,
    restarts: () => false,
    runTimeoutMs: quiet,
    loadInput: undefined,
    gate,
    mayClose: () => Promise.resolve(true),
    onAbandoned: quiet,
    onWorn: quiet,
    giveUp: new AbortController().signal,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  };
  const message = { subject: 's', headers: undefined, data: new Uint8Array(), reply: 'r' };
  const delivery = { ...message, askedAtMs: performance.now() - agoMs };
  const controller = new AbortController();
  return new RunAttempt(options, delivery, request, {
    names,
    request,
    log,
    reply: message.reply,
    controller,
    pass,
    claimed: false,
  });
}

describe('an attempt at a request', () => {
  it('leaves alone what was handed out long ago: in an emptied log it would run once more', async () => {
    assert.equal(await attempt(ACK_WAIT_MS + 1_000).run(), undefined);
    await assert.rejects(attempt(0).run(), /the link is used/);
  });
});
