/** A JSON Web Key Set: the public keys with which an issuer's tokens are verified. */
import { ConfigError } from '@switchboard/platform/config';
import { createLocalJWKSet, importJWK } from 'jose';
import type { CryptoKey, FlattenedJWSInput, JWK, JWSHeaderParameters } from 'jose';
import { z } from 'zod';

/** A larger key set is a mistake (bytes). */
export const KEY_SET_MAX_BYTES = 256 * 1_024;
const KEYS_MAX = 100;
const RSA_BITS_MIN = 2_048;

/**
 * Signatures that are accepted: public keys only. A shared secret (HS256) would let everybody who
 * can verify tokens make them, and `none` is no signature at all.
 */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** How a key is tried at loading when it does not name its algorithm. */
const USUAL_ALGORITHMS: Readonly<Record<string, string>> = {
  RSA: 'RS256',
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
  Ed25519: 'EdDSA',
};

const KeySetFile = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(KEYS_MAX) });

/** One reading of a key set; a later one is another object. */
export class KeySet {
  readonly #kids: ReadonlySet<string>;
  readonly #find: ReturnType<typeof createLocalJWKSet>;
  readonly size: number;

  /**
   * Keys that can verify nothing here (for encryption, of other kinds, too short, broken) are left
   * out, as the standard wants it.
   * @throws ConfigError when nothing is left, or a key in it is private. Nothing of the text is in
   * the message.
   */
  static async read(variable: string, text: string): Promise<KeySet> {
    const parsed = KeySetFile.safeParse(jsonOf(text));
    if (!parsed.success) throw new ConfigError([`${variable}: is not a JSON Web Key Set`]);
    const given = parsed.data.keys as JWK[];
    if (given.some((key) => 'd' in key)) {
      throw new ConfigError([`${variable}: holds a private key, which only the issuer may have`]);
    }
    const usable = await Promise.all(
      given.map(async (key) => ((await isUsable(key)) ? [key] : [])),
    );
    const keys = usable.flat();
    if (keys.length > 0) return new KeySet(keys);
    throw new ConfigError([`${variable}: holds no public key that tokens are signed with`]);
  }

  private constructor(keys: JWK[]) {
    this.size = keys.length;
    this.#kids = new Set(keys.flatMap(({ kid }) => (kid === undefined ? [] : [kid])));
    this.#find = createLocalJWKSet({ keys });
  }

  /** Whether there is a key of that id. A token without an id fits the only key of its kind. */
  has(kid: string | undefined): boolean {
    return kid === undefined || this.#kids.has(kid);
  }

  /** @throws JOSEError when there is no such key, or more than one. */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    return await this.#find(header, token);
  }
}

/** Where the keys of an issuer come from, and what they are now. */
export interface KeySource {
  /** The present set. Not the same object after a change. */
  readonly current: KeySet | undefined;
  /**
   * The key for a token. Looks for a set that has it, if this one may be old.
   * @throws JOSEError when there is none, SwitchboardError `auth_unavailable` when nobody can tell.
   */
  key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>;
  close(): void;
}

async function isUsable(key: JWK): Promise<boolean> {
  if (typeof key.kid !== 'string' && key.kid !== undefined) return false;
  if (key.use !== undefined && key.use !== 'sig') return false;
  const usual = USUAL_ALGORITHMS[(key.kty === 'RSA' ? key.kty : key.crv) ?? ''];
  if (key.kty === 'oct' || usual === undefined) return false;
  const algorithm = ALGORITHMS.find((known) => known === (key.alg ?? usual));
  if (algorithm === undefined) return false;
  try {
    const imported = await importJWK(key, algorithm);
    return !(imported instanceof Uint8Array) && isLongEnough(imported);
  } catch {
    // A key that cannot be read signs nothing that could be verified.
    return false;
  }
}

function isLongEnough({ algorithm }: CryptoKey): boolean {
  return !('modulusLength' in algorithm) || Number(algorithm.modulusLength) >= RSA_BITS_MIN;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says that it is no key set; the parser's message would quote it.
    return undefined;
  }
}
