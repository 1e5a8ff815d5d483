import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readGatewayConfig } from './config.ts';

it('starts without any variable, on loopback', () => {
  const config = readGatewayConfig({});
  assert.equal(config.host, '127.0.0.1');
  assert.equal(config.port, 8080);
  assert.equal(config.natsUrl, 'nats://127.0.0.1:4222');
  assert.equal(config.maxOutstandingPerUser, 256);
  assert.equal(config.maxBodyBytes, 4 * 1024 * 1024);
  assert.equal(config.statusHoldMs, 5_000);
  assert.equal(config.heartbeatIntervalMs, 15_000);
});

it('reports every problem together, by name and never by value', () => {
  assert.throws(
    () =>
      readGatewayConfig({
        PORT: 'SECRET',
        NATS_TOKEN: 'SECRET',
        NATS_USER: 'SECRET',
        MAX_BODY_BYTES: 'SECRET',
      }),
    (error: Error & { problems?: readonly string[] }) => {
      const names = error.problems?.map((line) => line.split(':')[0]);
      assert.deepEqual(names, [
        'PORT',
        'MAX_BODY_BYTES',
        'NATS_USER and NATS_TOKEN',
        'NATS_USER and NATS_PASSWORD',
      ]);
      assert.doesNotMatch(error.message, /SECRET/);
      return true;
    },
  );
});
