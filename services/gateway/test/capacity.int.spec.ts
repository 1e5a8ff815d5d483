/** Deadlines and a full house, over the whole stack: what is refused, and what is ended. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startStack, untilReady } from '@switchboard/stack';
import type { Stack } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

const PATIENCE_MS = 30_000;

interface Refusal {
  readonly error: { readonly code: string; readonly param: string | null };
}
interface ModelRun {
  readonly request: string;
  readonly outcome: string;
}

describe('one slot', () => {
  let stack: Stack;
  const leaving = new AbortController();
  const occupants: Promise<unknown>[] = [];

  before(async () => {
    stack = await startStack({ workers: 1, poolSize: 1 });
    await untilReady(stack.url);
  });
  after(async () => {
    leaving.abort();
    await Promise.all(occupants);
    await stack.stop();
  });

  async function ask(
    name: string,
    script: string,
    { deadline, signal }: { readonly deadline?: string; readonly signal?: AbortSignal } = {},
  ): Promise<Response> {
    return await fetch(`${stack.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-request-id': name,
        ...(deadline === undefined ? {} : { 'x-request-deadline': deadline }),
      },
      body: JSON.stringify({
        model: `sim/${script}`,
        user: name,
        messages: [{ role: 'user', content: 'Hello' }],
      }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Sends what will not be waited for. @returns leaves, and waits until that is over */
  function occupy(name: string, script: string): () => Promise<void> {
    const own = new AbortController();
    const signal = AbortSignal.any([own.signal, leaving.signal]);
    const call = ask(name, script, { signal })
      .then((answer) => answer.text())
      .catch(() => undefined);
    occupants.push(call);
    return async () => {
      own.abort();
      await call;
    };
  }

  async function modelRun(name: string): Promise<ModelRun | undefined> {
    const answer = await fetch(`${stack.simulator?.url}/log?request=${name}`);
    const { runs } = (await answer.json()) as { readonly runs: readonly ModelRun[] };
    return runs.at(-1);
  }

  const runs = async (name: string): Promise<void> => {
    const isRunning = async (): Promise<boolean> => (await modelRun(name))?.outcome === 'running';
    await until(isRunning, { timeoutMs: PATIENCE_MS, what: `${name} in the model` });
  };

  async function pool(): Promise<{ readonly service_ms: number | null; readonly waiting: number }> {
    const answer = await fetch(`${stack.url}/v1/pool`);
    const { pools } = (await answer.json()) as {
      readonly pools: readonly { readonly service_ms: number | null; readonly waiting: number }[];
    };
    assert.ok(pools[0] !== undefined);
    return pools[0];
  }

  async function refusal(answer: Response): Promise<Refusal['error']> {
    return ((await answer.json()) as Refusal).error;
  }

  it('a request that still waits at its deadline ends as deadline_exceeded, and never runs', async () => {
    const leave = occupy('occupant', 'think=600s,tokens=1');
    await runs('occupant');
    const answer = await ask('queued', 'think=0s,tokens=1', { deadline: '1s' });
    assert.equal(answer.status, 504);
    assert.equal(answer.headers.get('x-should-retry'), 'false');
    assert.equal((await refusal(answer)).code, 'deadline_exceeded');
    await leave();
    // Its place is free again, and what comes after it is served.
    assert.equal((await ask('after', 'think=0s,tokens=1')).status, 200);
    assert.equal(await modelRun('queued'), undefined);
  });

  it('a request that runs at its deadline ends as deadline_exceeded, and so does the model', async () => {
    // The service time so far is that of the occupant.
    const { service_ms: serviceMs } = await pool();
    const deadline = `${Math.round(2 * (serviceMs ?? 500)) + 500}ms`;
    const answer = await ask('running', 'think=600s,tokens=1', { deadline });
    assert.equal(answer.status, 504);
    assert.equal((await refusal(answer)).code, 'deadline_exceeded');
    const isOver = async (): Promise<boolean> => (await modelRun('running'))?.outcome === 'aborted';
    await until(isOver, { timeoutMs: PATIENCE_MS, what: 'the end of the call to the model' });
  });

  it('a deadline shorter than any run is refused as deadline_too_short', async () => {
    const measured = async (): Promise<boolean> => (await pool()).service_ms !== null;
    await until(measured, { timeoutMs: PATIENCE_MS, what: 'a service time' });
    const answer = await ask('hurried', 'think=0s,tokens=1', { deadline: '1ms' });
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get('x-should-retry'), 'false');
    const { code, param } = await refusal(answer);
    assert.deepEqual([code, param], ['deadline_too_short', 'x-request-deadline']);
    assert.equal(await modelRun('hurried'), undefined);
  });

  it('who would wait beyond the deadline is refused at once as overloaded', async () => {
    const leave = occupy('long', 'think=600s,tokens=1');
    await runs('long');
    const waiting = Array.from({ length: 20 }, (_, index) =>
      occupy(`waiting-${index}`, 'think=0s,tokens=1'),
    );
    const isFull = async (): Promise<boolean> => (await pool()).waiting === waiting.length;
    await until(isFull, { timeoutMs: PATIENCE_MS, what: 'a queue' });
    const { service_ms: serviceMs } = await pool();
    // Enough for a run and some waiting, not for twenty others.
    const deadline = `${Math.round(5 * (serviceMs ?? 0))}ms`;
    const answer = await ask('late', 'think=0s,tokens=1', { deadline });
    assert.equal(answer.status, 503);
    // Nobody has left, and nothing has ended: it was not waited for.
    assert.equal((await modelRun('long'))?.outcome, 'running');
    assert.equal((await pool()).waiting, waiting.length);
    assert.equal(answer.headers.get('x-should-retry'), 'true');
    const seconds = Number(answer.headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= 60, `retry-after ${seconds}`);
    assert.equal((await refusal(answer)).code, 'server_is_overloaded');
    assert.equal(await modelRun('late'), undefined);
    await Promise.all([leave, ...waiting].map((each) => each()));
  });
});
