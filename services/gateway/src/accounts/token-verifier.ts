import { hash } from 'node:crypto';
import { SwitchboardError } from '@switchboard/contract';
import { decodeJwt, errors, jwtVerify } from 'jose';
import type { AccountsLog } from './accounts-log.ts';
import type { Caller } from './caller.ts';
import { invalidKey } from './credentials.ts';
import { ALGORITHMS } from './key-set.ts';
import type { KeySource } from './key-set.ts';
import { TokenCache } from './token-cache.ts';
import { callerOf } from './token-claims.ts';
import type { ClaimNames } from './token-claims.ts';

export interface TokenVerifierOptions {
  /** Each issuer with its own keys: no issuer can sign for another. */
  readonly issuers: ReadonlyMap<string, KeySource>;
  readonly audience: readonly string[];
  readonly clockSkewMs: number;
  readonly claims: ClaimNames;
  /** Verified tokens that are remembered. */
  readonly cacheMax: number;
  readonly now: () => number;
  readonly log: AccountsLog;
}

/** Whether `token` has the form of a signed token: three parts in base64url. */
export function looksSigned(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/** Tokens (JWT) of known issuers. A token is verified once and then known until it ends. */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #cache: TokenCache;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#cache = new TokenCache(options.cacheMax);
  }

  /** The caller of a token that was verified before, without waiting for anything. */
  known(token: string): Caller | undefined {
    return this.#cache.get(hash('sha256', token), this.#options.now());
  }

  /** @throws SwitchboardError `invalid_api_key`, or `auth_unavailable` when nobody can tell. */
  async verify(token: string): Promise<Caller> {
    const issuer = issuerOf(token);
    const source = this.#options.issuers.get(issuer);
    if (source === undefined) throw invalidKey('The token comes from an issuer unknown here.');
    // Taken before: should the set change meanwhile, the token is verified once more.
    const keys = source.current;
    const caller = await this.#verifyOf(token, issuer, source);
    const untilMs = (caller.expiresAtMs ?? 0) + this.#options.clockSkewMs;
    const stands = () => source.current === keys;
    this.#cache.set(hash('sha256', token), { caller, untilMs, stands });
    return caller;
  }

  close(): void {
    for (const source of this.#options.issuers.values()) source.close();
  }

  async #verifyOf(token: string, issuer: string, source: KeySource): Promise<Caller> {
    const { audience, clockSkewMs, claims, now } = this.#options;
    try {
      const { payload } = await jwtVerify(token, (header, jws) => source.key(header, jws), {
        algorithms: [...ALGORITHMS],
        issuer,
        audience: [...audience],
        clockTolerance: clockSkewMs / 1_000,
        currentDate: new Date(now()),
        requiredClaims: ['exp'],
      });
      return callerOf(payload, issuer, claims);
    } catch (thrown) {
      throw this.#refusal(thrown);
    }
  }

  /** Never with the error as its cause: that one holds the claims. */
  #refusal(thrown: unknown): SwitchboardError {
    if (thrown instanceof SwitchboardError) return thrown;
    if (thrown instanceof errors.JWTExpired) return invalidKey('The token has expired.');
    if (thrown instanceof errors.JWTClaimValidationFailed) return claimRefusal(thrown.claim);
    if (!(thrown instanceof errors.JOSEError)) {
      // Unforeseen, and nothing that is unforeseen lets anybody in.
      const reason = thrown instanceof Error ? thrown.name : typeof thrown;
      this.#options.log.error({ reason }, 'a token could not be checked');
    }
    return invalidKey('The token is not valid.');
  }
}

/** What the token says itself, unverified: only good for choosing the keys. */
function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? '';
  } catch {
    // Its three parts hold no JSON; the message would quote it.
    throw invalidKey('The token is not valid.');
  }
}

function claimRefusal(claim: string): SwitchboardError {
  switch (claim) {
    case 'nbf':
      return invalidKey('The token is not valid yet.');
    case 'aud':
      return invalidKey('The token is for another audience.');
    case 'exp':
      return invalidKey('The token has no time at which it expires.');
    default:
      return invalidKey('The token is not valid.');
  }
}
