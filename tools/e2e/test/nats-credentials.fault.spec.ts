import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import {
  findStablePort,
  NatsAccess,
  startGateway,
  startNats,
  startSimulator,
  startWorker,
} from '@switchboard/stack';
import type { Gateway, NatsServer, Simulator, Worker } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { gatewayReady, PATIENCE_MS } from '../test-stack.ts';

const PROBLEM = /^NATS refuses the credentials: check NATS_USER and NATS_PASSWORD/;
/** Of nats-server, for each try. */
const TRY = /authentication error/;

async function problemAt(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/readyz`);
    const { problem } = (await response.json()) as { problem?: string };
    return response.status === 503 ? problem : undefined;
  } catch {
    // Nobody listens yet.
    return undefined;
  }
}

describe('services whose password NATS does not know', () => {
  const access = NatsAccess.for({});
  const printed = { gateway: [] as string[], worker: [] as string[] };
  let natsPort = 0;
  let healthUrl = '';
  let nats: NatsServer;
  let simulator: Simulator;
  let gateway: Gateway;
  let worker: Promise<Worker>;

  before(async () => {
    natsPort = await findStablePort();
    nats = await startNats({ port: natsPort, access: NatsAccess.for({}) });
    simulator = await startSimulator();
    const healthPort = await findStablePort();
    healthUrl = `http://127.0.0.1:${healthPort}`;
    worker = startWorker({
      natsUrl: nats.url,
      openaiBaseUrl: simulator.baseUrl,
      env: { ...access.environment('worker'), HEALTH_PORT: String(healthPort) },
      startTimeoutMs: 60_000,
      onLine: (line) => printed.worker.push(line),
    });
    worker.catch(() => undefined);
    gateway = await startGateway({
      natsUrl: nats.url,
      env: access.environment('gateway'),
      onLine: (line) => printed.gateway.push(line),
    });
  });
  after(async () => {
    await gateway.process.stop();
    await (await worker).process.stop();
    await simulator.process.stop();
    await nats.stop();
  });

  it('say so once and in /readyz, and work without a restart when NATS knows it', async () => {
    for (const url of [gateway.url, healthUrl]) {
      const said = async () => PROBLEM.test((await problemAt(url)) ?? '');
      await until(said, { what: `the problem at ${url}`, timeoutMs: PATIENCE_MS });
    }
    const tries = () => nats.logs().filter((line) => TRY.test(line)).length;
    await until(() => tries() >= 6, { what: 'more tries', timeoutMs: PATIENCE_MS });
    for (const lines of Object.values(printed)) {
      const told = lines.filter((line) => line.includes('NATS refuses the credentials'));
      assert.equal(told.length, 1, lines.join('\n'));
    }
    await nats.stop();
    nats = await startNats({ port: natsPort, access });
    await worker;
    await gatewayReady(gateway.url);
    assert.equal((await ask(gateway.url, chatBody('sim/tokens=3'))).text, 'Lorem ipsum dolor');
  });

  it('never print it', () => {
    const lines = [...printed.gateway, ...printed.worker, ...nats.logs()].join('\n');
    for (const role of ['gateway', 'worker', 'operator'] as const) {
      assert.ok(!lines.includes(access[role].password), role);
    }
  });
});
