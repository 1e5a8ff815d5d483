import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';

import { askJetStream, NatsAccess, startNats, startStack } from '../src/index.ts';
import type { ManagedProcess, Stack } from '../src/index.ts';

const ROLES = ['gateway', 'worker', 'operator'] as const;

/** Its command and arguments, as everybody on the machine can see them. */
async function commandLine({ pid }: ManagedProcess): Promise<string> {
  return await fs.readFile(`/proc/${pid}/cmdline`, 'utf8');
}

describe('a stack', () => {
  const printed: string[] = [];
  let stack: Stack;
  let access: NatsAccess;
  before(async () => {
    const env = { LOG_LEVEL: 'debug' };
    stack = await startStack({
      gatewayEnv: env,
      workerEnv: env,
      onLine: (_name, line) => printed.push(line),
    });
    assert.ok(stack.nats.access !== undefined);
    ({ access } = stack.nats);
  });
  after(async () => await stack.stop());

  it('lets nobody in to NATS who has no password', async () => {
    const { port } = stack.nats;
    await assert.rejects(askJetStream(port, 'STREAM.NAMES'), /no answer/);
    const answer = await askJetStream(port, 'STREAM.NAMES', {}, { credentials: access.operator });
    assert.ok(answer.streams?.includes('EVENTS'));
  });

  it('shows its passwords in no command line and no log line', async () => {
    const commands = await Promise.all(stack.processes.map(commandLine));
    const shown = [...commands, ...printed].join('\n');
    for (const role of ROLES) assert.ok(!shown.includes(access[role].password), role);
  });

  it('keeps them in files that only this user can read', async () => {
    const configFile = (await commandLine(stack.nats.process)).split('\0').at(-2) ?? '';
    const { operatorFile = '' } = stack.nats;
    for (const [path, password] of [
      [configFile, access.worker.password],
      [operatorFile, access.operator.password],
    ] as const) {
      assert.ok((await fs.readFile(path, 'utf8')).includes(password), path);
      assert.equal((await fs.stat(path)).mode & 0o777, 0o600, path);
    }
  });

  it('opens no monitoring port', () => {
    const lines = stack.nats.logs();
    assert.ok(lines.some((line) => /Listening for client connections/.test(line)));
    assert.ok(!lines.some((line) => /monitor/i.test(line)), lines.join('\n'));
  });
});

describe('the users of a nats-server', () => {
  it('have passwords of 32 bytes that no other server has', () => {
    const passwords = [NatsAccess.for({}), NatsAccess.for({})].flatMap((access) => {
      return ROLES.map((role) => access[role].password);
    });
    assert.equal(new Set(passwords).size, 6);
    for (const password of passwords) assert.equal(Buffer.from(password, 'base64url').length, 32);
  });

  it('hold on a server alone too, and a wrong password does not', async () => {
    const nats = await startNats({ access: new NatsAccess(['default']) });
    try {
      const credentials = new NatsAccess(['default']).operator;
      const wrong = askJetStream(nats.port, 'STREAM.NAMES', {}, { credentials });
      await assert.rejects(wrong, /no answer/);
    } finally {
      await nats.stop();
    }
  });
});
