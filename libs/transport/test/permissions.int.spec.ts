/** What the users of gateways and workers may not do: NATS itself refuses it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import type { NatsRole } from '@switchboard/contract';
import { NatsAccess } from '@switchboard/stack';
import { until } from '@switchboard/testkit';
import { NatsLink } from '../src/index.ts';
import { api, StoreError } from '../src/link/store.ts';
import { answerAtOnce, collect, type Gateway, Harness, silent, submit, types } from './harness.ts';

const ANY = 'g0_0123456789abcdef012345';

/** Consuming a queue, in every form that JetStream's API has, and what belongs to workers. */
const NOT_A_GATEWAYS = [
  '$JS.API.CONSUMER.MSG.NEXT.REQUESTS_default.normal1',
  '$JS.API.CONSUMER.CREATE.REQUESTS_default',
  '$JS.API.CONSUMER.CREATE.REQUESTS_default.mine',
  '$JS.API.CONSUMER.CREATE.REQUESTS_default.normal1.requests.default.normal.1.>',
  '$JS.API.CONSUMER.DURABLE.CREATE.REQUESTS_default.mine',
  '$JS.API.CONSUMER.DELETE.REQUESTS_default.normal1',
  '$JS.API.CONSUMER.PAUSE.REQUESTS_default.normal1',
  '$JS.API.DIRECT.GET.REQUESTS_default',
  '$JS.API.STREAM.PURGE.REQUESTS_default',
  '$JS.API.STREAM.DELETE.REQUESTS_default',
  '$JS.API.STREAM.SNAPSHOT.REQUESTS_default',
  '$JS.API.STREAM.CREATE.mine',
  '$JS.API.STREAM.DELETE.EVENTS',
  '$JS.API.CONSUMER.CREATE.EVENTS.mine.events.>',
  '$JS.ACK.REQUESTS_default.normal1.1.1.1.1.0',
  `events.g0.${ANY}.claim`,
  `events.g0.${ANY}.log.1`,
  `deadletters.default.${ANY}`,
  'doorbell.default.normal.1',
  'fleet.default.worker',
  `live.g0.${ANY}.end`,
];
const NOT_HEARD_BY_GATEWAYS = [
  '>',
  '*',
  '_INBOX.>',
  '_INBOX_worker.>',
  '_INBOX_operator.>',
  'requests.>',
  'doorbell.default.normal.1',
  '$JS.>',
];

/** Enqueueing, what is kept of answers, and what belongs to gateways. */
const NOT_A_WORKERS = [
  'requests.default.normal.1.user.1',
  'requests.other.normal.1.user.1',
  '$JS.API.STREAM.MSG.GET.KV_responses',
  '$JS.API.STREAM.MSG.GET.KV_idempotency',
  '$JS.API.DIRECT.GET.KV_responses',
  '$JS.API.STREAM.PURGE.KV_responses',
  '$JS.API.STREAM.PURGE.KV_inputs',
  '$JS.API.CONSUMER.CREATE.KV_responses.mine',
  '$KV.responses.key',
  '$KV.idempotency.key',
  '$KV.inputs.key',
  '$JS.API.STREAM.DELETE.REQUESTS_default',
  '$JS.API.STREAM.DELETE.EVENTS',
  '$JS.API.STREAM.PURGE.REQUESTS_default',
  '$JS.API.STREAM.CREATE.mine',
  '$JS.API.STREAM.UPDATE.REQUESTS_default',
  '$JS.API.STREAM.MSG.GET.REQUESTS_default',
  '$JS.API.STREAM.MSG.GET.DEAD_LETTERS',
  '$JS.API.CONSUMER.MSG.NEXT.REQUESTS_other.normal1',
  '$JS.API.CONSUMER.MSG.NEXT.EVENTS.recorder',
  '$JS.API.CONSUMER.CREATE.REQUESTS_default.mine.requests.>',
  '$JS.API.DIRECT.GET.EVENTS',
  '$JS.ACK.EVENTS.recorder.1.1.1.1.0',
  `cancel.${ANY}`,
  'alive.g0',
  'counters.minute.user.1',
  'reservations.default',
];
const NOT_HEARD_BY_WORKERS = [
  '>',
  '*',
  '_INBOX.>',
  '_INBOX_gateway.>',
  '_INBOX_operator.>',
  'requests.>',
  'events.>',
  'live.>',
  'doorbell.other.>',
  'fleet.other.*',
];

describe('the users of NATS', () => {
  let harness: Harness;
  let gateway: Gateway;
  const open: NatsConnection[] = [];
  before(async () => {
    harness = await Harness.start({ access: new NatsAccess(['default']) });
    gateway = await harness.gateway();
    await harness.readyStore();
  });
  after(async () => {
    for (const connection of open) await connection.close();
    await harness.stop();
  });
  const as = async (role: NatsRole): Promise<NatsConnection> => {
    const connection = await connect(harness.address(role));
    open.push(connection);
    return connection;
  };

  /** @throws unless the server refuses to take a message on the subject */
  async function assertMute(connection: NatsConnection, subject: string): Promise<void> {
    await assert.rejects(
      connection.request(subject, '{}', { timeout: 5_000 }),
      ({ cause }: Error) =>
        cause instanceof PermissionViolationError && cause.operation === 'publish',
      subject,
    );
  }

  /** @throws unless the server refuses the subscription */
  async function assertDeaf(connection: NatsConnection, subject: string): Promise<void> {
    const answer = Promise.withResolvers<Error | null>();
    connection.subscribe(subject, { callback: (error) => answer.resolve(error) });
    // Answered in order: after the flush there is a refusal, or there will be none.
    await connection.flush();
    answer.resolve(null);
    assert.ok((await answer.promise) instanceof PermissionViolationError, subject);
  }

  it('let a request through from one to the other, and its answer back', async () => {
    const { server } = await harness.worker(answerAtOnce);
    const events = await collect((await submit(gateway, 'user')).events());
    assert.deepEqual(types(events), ['started', 'text.delta', 'completed']);
    await server.close();
  });

  it('keep a gateway from taking requests, and from what belongs to workers', async () => {
    const waiting = await submit(gateway, 'waiting');
    const connection = await as('gateway');
    for (const subject of NOT_A_GATEWAYS) await assertMute(connection, subject);
    for (const subject of NOT_HEARD_BY_GATEWAYS) await assertDeaf(connection, subject);
    assert.equal(await harness.count('REQUESTS_default'), 1);
    await waiting.cancel('requested');
  });

  it('keep a worker from queueing requests, and from what belongs to gateways', async () => {
    await until(async () => (await harness.count('REQUESTS_default')) === 0, {
      what: 'no request',
    });
    const connection = await as('worker');
    for (const subject of NOT_A_WORKERS) await assertMute(connection, subject);
    for (const subject of NOT_HEARD_BY_WORKERS) await assertDeaf(connection, subject);
    assert.equal(await harness.count('REQUESTS_default'), 0);
  });

  it('are refused without a password, and with that of somebody else', async () => {
    const { servers } = harness.address('gateway');
    await assert.rejects(connect({ servers, reconnect: false }), /Authorization Violation/);
    const { pass = '' } = harness.address('worker');
    const mixed = { ...harness.address('gateway'), pass, reconnect: false };
    await assert.rejects(connect(mixed), /Authorization Violation/);
  });

  it('make a missing right a refusal that is said, not a wait', async (test) => {
    const told: object[] = [];
    const log = { ...silent, error: (fields: object) => void told.push(fields) };
    const link = NatsLink.open({ ...harness.address('worker'), name: 'worker', log });
    test.after(() => link.close());
    await until(() => link.connected, { what: 'a connection' });
    const refused = (error: unknown): boolean =>
      error instanceof StoreError && error.failure === 'refused' && /permit/.test(error.message);
    // Far longer than the test may take: the answer does not come from the clock.
    const ask = async () => await api(link, 'STREAM.INFO.KV_responses', {}, 600_000);
    await assert.rejects(ask, refused);
    await assert.rejects(ask, refused);
    const subject = '$JS.API.STREAM.INFO.KV_responses';
    assert.deepEqual(told, [{ operation: 'publish', subject }]);
  });
});
