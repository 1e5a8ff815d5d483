/** Who may use the gateway. The only door through which a request becomes a caller's. */
import { ConfigError, WatchedFile } from '@switchboard/platform/config';
import { ownerOf } from './local-owner.ts';
import type { AccountsLog } from './accounts-log.ts';
import { SCOPES } from './caller.ts';
import type { Caller } from './caller.ts';
import { bearerToken, invalidKey } from './credentials.ts';
import { FetchedKeys } from './fetched-keys.ts';
import { FileKeys } from './file-keys.ts';
import { KEY_FILE_MAX_BYTES, readKeyFile } from './key-file.ts';
import type { KeySource } from './key-set.ts';
import { KeyTable } from './key-table.ts';
import { checksKeys, listOf } from './options.ts';
import type { AccountsConfig } from './options.ts';
import { TokenVerifier, looksSigned } from './token-verifier.ts';

/** Other times for tests. */
export interface AccountsTimes {
  /** How often files are looked at. */
  readonly pollIntervalMs: number;
  /** No second fetch of a key set follows within this time. */
  readonly cooldownMs: number;
  readonly fetchTimeoutMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const TIMES: AccountsTimes = {
  pollIntervalMs: 1_000,
  cooldownMs: 10_000,
  fetchTimeoutMs: 5_000,
  now: Date.now,
};

/** About 10 MB at most. */
const VERIFIED_TOKENS_MAX = 20_000;

export class Accounts {
  /** Whether keys are asked for. If not, everybody is the caller `local`. */
  readonly configured: boolean;
  readonly #keys: WatchedFile<KeyTable> | undefined;
  readonly #tokens: TokenVerifier | undefined;
  readonly #now: () => number;

  /**
   * Reads the files and begins to fetch the key sets; an issuer that is away is no failure.
   * @throws ConfigError with every problem of the files, by the name of the key.
   */
  static async open(
    config: AccountsConfig,
    log: AccountsLog,
    times: Partial<AccountsTimes> = {},
  ): Promise<Accounts> {
    const all = { ...TIMES, ...times };
    const [keys, tokens] = await Promise.allSettled([
      openKeys(config, log, all),
      openTokens(config, log, all),
    ]);
    if (keys.status === 'fulfilled' && tokens.status === 'fulfilled') {
      return new Accounts(checksKeys(config), keys.value, tokens.value, all.now);
    }
    if (keys.status === 'fulfilled') keys.value?.close();
    if (tokens.status === 'fulfilled') tokens.value?.close();
    throw bothFailures(keys, tokens);
  }

  private constructor(
    configured: boolean,
    keys: WatchedFile<KeyTable> | undefined,
    tokens: TokenVerifier | undefined,
    now: () => number,
  ) {
    this.configured = configured;
    this.#keys = keys;
    this.#tokens = tokens;
    this.#now = now;
  }

  /**
   * The caller behind an `Authorization` header; see `soleAuthorization` for where to take it from.
   * A key, and a token that was seen before, are found without waiting for anything.
   * @throws SwitchboardError `missing_api_key`, `invalid_api_key` or `auth_unavailable`. No message
   * repeats anything of the header.
   */
  async authenticate(authorization: string | undefined): Promise<Caller> {
    if (!this.configured) return localCaller(authorization);
    const token = bearerToken(authorization);
    const found = this.#keys?.value.find(token, this.#now());
    if (found !== undefined) return found;
    if (this.#tokens === undefined || !looksSigned(token)) {
      throw invalidKey('The API key is not valid.');
    }
    return this.#tokens.known(token) ?? (await this.#tokens.verify(token));
  }

  close(): void {
    this.#keys?.close();
    this.#tokens?.close();
  }
}

async function openKeys(
  config: AccountsConfig,
  log: AccountsLog,
  { pollIntervalMs }: AccountsTimes,
): Promise<WatchedFile<KeyTable> | undefined> {
  if (config.keysFile === undefined) return undefined;
  return await WatchedFile.open({
    variable: 'KEYS_FILE',
    path: config.keysFile,
    maxBytes: KEY_FILE_MAX_BYTES,
    parse: (text) => {
      const read = readKeyFile(text);
      if ('entries' in read) return new KeyTable(read.entries);
      throw new ConfigError(read.problems.map((problem) => `KEYS_FILE: ${problem}`));
    },
    pollIntervalMs,
    log,
  });
}

async function openTokens(
  config: AccountsConfig,
  log: AccountsLog,
  times: AccountsTimes,
): Promise<TokenVerifier | undefined> {
  if (config.jwksUrl === undefined && config.jwksFile === undefined) return undefined;
  return new TokenVerifier({
    issuers: await keySources(config, log, times),
    audience: listOf(config.jwtAudience),
    clockSkewMs: config.jwtClockSkewMs,
    claims: {
      user: config.jwtUserClaim,
      tenant: config.jwtTenantClaim,
      scope: config.jwtScopeClaim,
      scopePrefix: config.jwtScopePrefix,
    },
    cacheMax: VERIFIED_TOKENS_MAX,
    now: times.now,
    log,
  });
}

async function keySources(
  config: AccountsConfig,
  log: AccountsLog,
  { cooldownMs, fetchTimeoutMs, pollIntervalMs }: AccountsTimes,
): Promise<ReadonlyMap<string, KeySource>> {
  const issuers = listOf(config.jwtIssuer);
  if (config.jwksFile !== undefined) {
    const source = await FileKeys.open(config.jwksFile, { log, pollIntervalMs });
    return new Map(issuers.map((issuer) => [issuer, source]));
  }
  const urls = listOf(config.jwksUrl);
  const common = { refreshMs: config.jwksRefreshMs, timeoutMs: fetchTimeoutMs, cooldownMs, log };
  return new Map(
    issuers.map((issuer, at) => {
      return [issuer, new FetchedKeys({ ...common, issuer, url: urls[at] ?? '' })];
    }),
  );
}

function bothFailures(...results: readonly PromiseSettledResult<unknown>[]): unknown {
  const reasons = results.flatMap((result) => {
    return result.status === 'rejected' ? [result.reason as unknown] : [];
  });
  const foreign = reasons.find((reason) => !(reason instanceof ConfigError));
  if (foreign !== undefined) return foreign;
  return new ConfigError((reasons as ConfigError[]).flatMap(({ problems }) => problems));
}

/** Everybody on this machine may do everything; their unverified keys keep their things apart. */
function localCaller(authorization: string | undefined): Caller {
  return {
    id: 'local',
    name: 'local',
    user: 'local',
    tenant: 'default',
    scopes: new Set(SCOPES),
    priority: 'normal',
    limits: {},
    owner: ownerOf(authorization),
  };
}
