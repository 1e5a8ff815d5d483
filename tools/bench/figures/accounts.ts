import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { INSTANT_MODEL } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import { atMost, reported } from '../row.ts';
import { median, percentile } from '../statistics.ts';

const PAIRS = 1_000;
const PAIRS_QUICK = 500;
const BOUND_MS = 1;
const KEY = `sk-sb-${randomBytes(32).toString('base64url')}`;
/** All that there are, and none that is reached. */
const LIMITS = {
  outstanding: 1_000,
  requestsPerMinute: 500_000,
  tokensPerMinute: 4_000_000_000,
  tokensPerDay: 1_000_000_000_000,
};

/** What a key and its limits add to a request: the same one, at two gateways in turn. */
export const ACCOUNTS: Figure = {
  name: 'accounts',
  about: 'time that a key with limits adds to a request, one request at a time',
  shape: { workers: 1, poolSize: 10, otherGateway: gatewayWithKeys },
  run: async (stack, { quick }) => {
    const [without, withKeys] = stack.gatewayBaseUrls;
    if (without === undefined || withKeys === undefined) throw new Error('a gateway is missing');
    const pairs = quick ? PAIRS_QUICK : PAIRS;
    const { directMs, gatewayMs } = await stack.client.run('pairs', {
      directBaseUrl: without,
      gatewayBaseUrl: withKeys,
      model: INSTANT_MODEL,
      stream: false,
      apiKey: KEY,
      // Until Node's compilers have seen both gateways' code.
      warmUp: pairs,
      pairs,
    });
    const differences = gatewayMs.map((each, pair) => each - (directMs[pair] ?? NaN));
    const added = median(gatewayMs) - median(directMs);
    return [
      reported('without keys p50', median(directMs), 'ms'),
      reported('without keys p95', percentile(directMs, 0.95), 'ms'),
      reported('with a key and limits p50', median(gatewayMs), 'ms'),
      reported('with a key and limits p95', percentile(gatewayMs, 0.95), 'ms'),
      reported('median of the differences', median(differences), 'ms'),
      atMost(BOUND_MS, { name: 'added, difference of p50', value: added, unit: 'ms' }),
    ];
  },
};

function gatewayWithKeys(): NodeJS.ProcessEnv {
  const folder = mkdtempSync(join(tmpdir(), 'bench-keys-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'keys.json');
  const key = { name: 'bench', sha256: hash('sha256', KEY), createdAt: '2026-01-01T00:00:00Z' };
  writeFileSync(file, JSON.stringify({ keys: [{ ...key, limits: LIMITS }] }));
  return { KEYS_FILE: file };
}
