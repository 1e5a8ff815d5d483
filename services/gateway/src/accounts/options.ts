/** Who may enter: the options of keys and tokens, and what must hold between them. */
import * as option from '@switchboard/platform/config';
import type { Config } from '@switchboard/platform/config';

const LOOPBACK_HOST = /^(localhost|\[?::1\]?|127(\.\d{1,3}){3})$/i;

/** Whether only this machine can reach a server that listens on `host`. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK_HOST.test(host);
}

const addresses = option.url({
  doc:
    'Addresses of the JSON Web Key Sets of the issuers in `JWT_ISSUER`, in the same order. A ' +
    'plain http address must be on this machine. Excludes `JWKS_FILE`.',
  protocols: ['https', 'http'],
  list: true,
});

const issuerNames = option.string({
  doc: 'Who issues accepted tokens: their claim `iss`, exactly. Several are separated by commas.',
});

const NAMED_CLAIM = 'A claim is named as it stands in the token, dots included.';

export const ACCOUNT_OPTIONS = option.defineOptions({
  KEYS_FILE: option.string({
    doc:
      'JSON file of API keys, which `npm run keys` writes. It is read again when it changes. ' +
      'Without it and without a key set no key is checked, and `HOST` must be a loopback address.',
  }),
  JWT_ISSUER: {
    ...issuerNames,
    expected: 'text without #',
    parser: issuerNames.parser.refine((text) => text === undefined || !text.includes('#')),
  },
  JWT_AUDIENCE: option.string({
    doc:
      'What the claim `aud` of a token must hold, so that a token for another service does not ' +
      'open this one. Several are separated by commas, and one of them is enough.',
  }),
  JWKS_URL: {
    ...addresses,
    expected: `${addresses.expected}, http:// on a loopback address only`,
    parser: addresses.parser.refine((text) => text === undefined || listOf(text).every(isSafe)),
  },
  JWKS_FILE: option.string({
    doc:
      'File with the JSON Web Key Set of the one issuer. It is read again when it changes. ' +
      'Excludes `JWKS_URL`.',
  }),
  JWKS_REFRESH_MS: option.duration({
    doc:
      'How often key sets are fetched again, and so how long a token of a key that its issuer ' +
      'has withdrawn may still be accepted. An unknown key is looked for at once.',
    default: 600_000,
    min: 10_000,
    max: 86_400_000,
  }),
  JWT_CLOCK_SKEW_MS: option.duration({
    doc: 'How far the clocks of issuer and gateway may differ.',
    default: 30_000,
    min: 0,
    max: 300_000,
  }),
  JWT_USER_CLAIM: option.string({
    doc: `Claim that names the user. ${NAMED_CLAIM}`,
    default: 'sub',
  }),
  JWT_TENANT_CLAIM: option.string({
    doc: 'Claim that names the tenant; a token without it belongs to the tenant `default`.',
    default: 'tenant',
  }),
  JWT_SCOPE_CLAIM: option.string({
    doc: 'Claim with the scopes: one text with spaces between them, or a list.',
    default: 'scope',
  }),
  JWT_SCOPE_PREFIX: option.string({
    doc:
      "What our scopes begin with in a token (`switchboard:admin`), so that another service's " +
      '`admin` is none here.',
    default: 'switchboard:',
  }),
});

export type AccountsConfig = Config<typeof ACCOUNT_OPTIONS>;

type HostedConfig = AccountsConfig & { readonly host: string };

/** For the service that also declares HOST. */
export const ACCOUNT_CHECKS = [
  {
    variables: ['HOST', 'KEYS_FILE', 'JWKS_URL', 'JWKS_FILE'],
    holds: (config: HostedConfig) => checksKeys(config) || isLoopbackHost(config.host),
    message:
      'without keys only a loopback HOST is allowed, such as 127.0.0.1; set KEYS_FILE ' +
      '(`npm run keys -- add NAME` makes the file and a key), or JWKS_URL or JWKS_FILE for tokens',
  },
  {
    variables: ['JWKS_URL', 'JWKS_FILE'],
    holds: ({ jwksUrl, jwksFile }: AccountsConfig) =>
      jwksUrl === undefined || jwksFile === undefined,
    message: 'set only one of them',
  },
  {
    variables: ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWKS_URL', 'JWKS_FILE'],
    holds: ({ jwtIssuer, jwtAudience, jwksUrl, jwksFile }: AccountsConfig) => {
      const set = jwksUrl !== undefined || jwksFile !== undefined;
      return set === (jwtIssuer !== undefined) && set === (jwtAudience !== undefined);
    },
    message: 'set issuer, audience and one of the key sets together, or none of them',
  },
  {
    variables: ['JWT_ISSUER', 'JWKS_URL', 'JWKS_FILE'],
    holds: ({ jwtIssuer, jwksUrl, jwksFile }: AccountsConfig) => {
      const issuers = listOf(jwtIssuer);
      const sets = jwksFile === undefined ? listOf(jwksUrl).length : 1;
      if (issuers.length === 0 || sets === 0) return true;
      return issuers.length === sets && new Set(issuers).size === sets;
    },
    message: 'each issuer needs one key set of its own, in the same order',
  },
] as const;

/** Whether keys or tokens are asked for at all. */
export function checksKeys({ keysFile, jwksUrl, jwksFile }: AccountsConfig): boolean {
  return keysFile !== undefined || jwksUrl !== undefined || jwksFile !== undefined;
}

/** The parts of a value whose parts are separated by commas. */
export function listOf(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Keys that decide who enters must not come over a line that others can write on. */
function isSafe(address: string): boolean {
  const parsed = URL.parse(address);
  if (parsed === null) return false;
  return parsed.protocol === 'https:' || isLoopbackHost(parsed.hostname);
}
