/** What authentication costs: `node services/gateway/test/accounts-timing.ts`. Judges nothing. */
import { hash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@switchboard/platform/config';
import { Accounts } from '../src/accounts/accounts.ts';
import { readKeyFile } from '../src/accounts/key-file.ts';
import { KeyTable } from '../src/accounts/key-table.ts';
import { ACCOUNT_OPTIONS } from '../src/accounts/options.ts';
import { AUDIENCE, Issuer } from './issuer.ts';

const KEYS = 10_000;
const CALLS = 50_000;
const FRESH_TOKENS = 2_000;

const issuer = new Issuer();
await issuer.addKey('ec', 'ES256');
await issuer.addKey('rsa', 'RS256');
const folder = await mkdtemp(join(tmpdir(), 'accounts-timing-'));
const keys = Array.from({ length: KEYS }, (_, at) => {
  return { name: `k${at}`, sha256: hash('sha256', `key-${at}`), createdAt: '2026-01-01T00:00:00Z' };
});
const text = JSON.stringify({ keys });
await writeFile(join(folder, 'keys.json'), text);
await writeFile(join(folder, 'jwks.json'), JSON.stringify(issuer.keySet));

const quiet = { info() {}, warn() {}, error() {} };
const env = {
  KEYS_FILE: join(folder, 'keys.json'),
  JWT_ISSUER: issuer.name,
  JWT_AUDIENCE: AUDIENCE,
  JWKS_FILE: join(folder, 'jwks.json'),
};
const accounts = await Accounts.open(readConfig(ACCOUNT_OPTIONS, env), quiet);

function say(what: string, samplesMs: readonly number[]): void {
  const sorted = samplesMs.toSorted((one, other) => one - other);
  const at = (share: number) =>
    (1_000 * (sorted[Math.floor(sorted.length * share)] ?? 0)).toFixed(1);
  process.stdout.write(`${what}: p50 ${at(0.5)} us, p99 ${at(0.99)} us (${sorted.length} calls)\n`);
}

async function time(what: string, headers: readonly string[], calls: number): Promise<void> {
  const samples: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    const header = headers[call % headers.length] ?? '';
    const begin = performance.now();
    await accounts.authenticate(header).catch(() => undefined);
    samples.push(performance.now() - begin);
  }
  say(what, samples);
}

await time(
  `API key, one of ${KEYS}`,
  keys.map((_, at) => `Bearer key-${at}`),
  CALLS,
);
await time('unknown API key', ['Bearer sk-sb-unknown'], CALLS);
for (const kid of ['ec', 'rsa']) {
  const fresh: string[] = [];
  for (let at = 0; at < FRESH_TOKENS; at += 1) {
    fresh.push(`Bearer ${await issuer.token(kid, { jti: String(at) })}`);
  }
  await time(`token (${kid}), first time`, fresh, FRESH_TOKENS);
  await time(`token (${kid}), seen before`, fresh, CALLS);
}

const begin = performance.now();
const read = readKeyFile(text);
const table = 'entries' in read ? new KeyTable(read.entries) : undefined;
const tookMs = (performance.now() - begin).toFixed(0);
process.stdout.write(
  `a file of ${table?.size} keys is read in ${tookMs} ms (${text.length} bytes)\n`,
);

accounts.close();
await rm(folder, { recursive: true });
