import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuthorizationError, PermissionViolationError } from '@nats-io/transport-node';
import { LinkFaults } from './link-faults.ts';

const RETRY_MS = 200;

function faults(): { faults: LinkFaults; told: string[] } {
  const told: string[] = [];
  const tell = (_fields: object, message: string): void => void told.push(message);
  const log = { debug: tell, info: tell, warn: tell, error: tell };
  return { faults: new LinkFaults(log, RETRY_MS), told };
}

function violation(subject: string): PermissionViolationError {
  return new PermissionViolationError(
    `'Permissions Violation for "${subject}"'`,
    'publish',
    subject,
  );
}

describe('what NATS refuses', () => {
  it('is said once each, however often it happens, and again on the next connection', () => {
    const { faults: link, told } = faults();
    for (let times = 0; times < 5; times++) link.connected(violation('events.g.run.log.1'));
    link.connected(violation('cancel.x'));
    assert.equal(told.length, 2);
    assert.match(told[0] ?? '', /does not permit this/);
    link.clear();
    link.connected(violation('cancel.x'));
    assert.equal(told.length, 3);
  });

  it('is not said without end for subjects that are all different', () => {
    const { faults: link, told } = faults();
    for (let run = 0; run < 1_000; run++) link.connected(violation(`cancel.${run}`));
    assert.ok(told.length <= 50);
  });

  it('names the variables to check when it is the credentials', () => {
    const { faults: link, told } = faults();
    link.connecting(new AuthorizationError('Authorization Violation'));
    link.connected(new AuthorizationError('Authorization Violation'));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /refuses the credentials: check NATS_USER and NATS_PASSWORD/);
    assert.equal(link.credentialsRefused, true);
    link.connecting(new Error('connection refused'));
    assert.equal(link.credentialsRefused, false);
  });
});

describe('the wait before the next try to connect', () => {
  const atMost = (delayMs: number, ms: number): boolean => delayMs >= ms && delayMs <= ms * 1.5;

  it('grows to seconds while the credentials are refused, and not while NATS is away', () => {
    const { faults: link } = faults();
    for (let tries = 0; tries < 20; tries++) link.connecting(new Error('connection refused'));
    assert.ok(atMost(link.delayMs, RETRY_MS));
    link.connecting(new AuthorizationError('Authorization Violation'));
    assert.ok(atMost(link.delayMs, 500));
    for (let tries = 0; tries < 20; tries++) {
      link.connecting(new AuthorizationError('Authorization Violation'));
    }
    assert.ok(atMost(link.delayMs, 8_000));
    link.clear();
    assert.ok(atMost(link.delayMs, RETRY_MS));
  });
});
