/** A gateway whose callers are asked for keys and tokens: real `Accounts` on real files. */
import { hash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@switchboard/platform/config';
import { Accounts } from '../src/accounts/accounts.ts';
import type { StoredKey } from '../src/accounts/key-file.ts';
import { ACCOUNT_OPTIONS } from '../src/accounts/options.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { startGateway } from './harness.ts';
import type { Guards, TestGateway } from './harness.ts';
import { AUDIENCE, Issuer } from './issuer.ts';

/** Who knocks. The same user of another tenant is somebody else. */
export const CREDENTIALS = [
  'no key',
  'bad key',
  'expired',
  'disabled',
  'wrong scope',
  'other tenant',
  'good',
] as const;
export type Credential = (typeof CREDENTIALS)[number];
export const KINDS = ['key', 'token'] as const;
export type Kind = (typeof KINDS)[number];

export interface GuardedGateway extends AsyncDisposable {
  readonly server: TestGateway;
  /** The `authorization` of a credential, if it has one. */
  headers(kind: Kind, credential: Credential): Record<string, string>;
  readonly admin: Record<string, string>;
  /** What must be in no log line and no answer. */
  readonly secrets: readonly string[];
}

const newKey = (): string => `sk-sb-${randomBytes(32).toString('base64url')}`;

const KEYS: Readonly<Record<string, Partial<StoredKey>>> = {
  good: { user: 'alice', tenant: 'one' },
  'other tenant': { user: 'alice', tenant: 'two' },
  'wrong scope': { user: 'alice', tenant: 'one', scopes: ['admin'] },
  expired: { user: 'alice', tenant: 'one', expiresAt: '2026-01-02T00:00:00Z' },
  disabled: { user: 'alice', tenant: 'one', disabled: true },
  admin: { user: 'root', tenant: 'one', scopes: ['api', 'admin'] },
};

export async function startGuardedGateway(ownUse?: Guards['ownUse']): Promise<GuardedGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'guarded-gateway-'));
  const secrets = new Map<string, string>();
  const keys = Object.entries(KEYS).map(([name, fields]) => {
    const key = newKey();
    secrets.set(`key ${name}`, key);
    const createdAt = '2026-01-01T00:00:00Z';
    return { name: name.replace(' ', '-'), sha256: hash('sha256', key), createdAt, ...fields };
  });
  secrets.set('key bad key', newKey());
  const issuer = new Issuer();
  await issuer.addKey('first');
  await addTokens(issuer, secrets);
  const files = { KEYS_FILE: join(folder, 'keys.json'), JWKS_FILE: join(folder, 'jwks.json') };
  await writeFile(files.KEYS_FILE, JSON.stringify({ keys }));
  await writeFile(files.JWKS_FILE, JSON.stringify(issuer.keySet));
  const env = { ...files, JWT_ISSUER: issuer.name, JWT_AUDIENCE: AUDIENCE };
  const quiet = { info() {}, warn() {}, error() {} };
  const accounts = await Accounts.open(readConfig(ACCOUNT_OPTIONS, env), quiet);
  const server = await startGateway({}, { accounts, ownUse });
  server.runs.script = (run) => run.emit(STARTED, text('Hello'), COMPLETED);
  const bearer = (name: string): Record<string, string> => {
    const secret = secrets.get(name);
    return secret === undefined ? {} : { authorization: `Bearer ${secret}` };
  };
  return {
    server,
    headers: (kind, credential) => bearer(`${kind} ${credential}`),
    admin: bearer('key admin'),
    secrets: [...secrets.values()],
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      accounts.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A token is taken out of use by its key: the one that is `disabled` was never shown. */
async function addTokens(issuer: Issuer, secrets: Map<string, string>): Promise<void> {
  const stranger = new Issuer();
  await stranger.addKey('first');
  await issuer.addKey('withdrawn');
  const alice = { sub: 'alice', tenant: 'one' };
  const past = Math.floor(Date.now() / 1_000) - 3_600;
  secrets.set('token good', await issuer.token('first', alice));
  secrets.set('token other tenant', await issuer.token('first', { ...alice, tenant: 'two' }));
  const scope = 'switchboard:admin';
  secrets.set('token wrong scope', await issuer.token('first', { ...alice, scope }));
  secrets.set('token expired', await issuer.token('first', { ...alice, exp: past }));
  secrets.set('token disabled', await issuer.token('withdrawn', alice));
  issuer.removeKey('withdrawn');
  secrets.set('token bad key', await stranger.token('first', alice));
}
