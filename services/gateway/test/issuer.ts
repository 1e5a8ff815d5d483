import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'jose';

/** Who accepts the tokens of the tests. */
export const AUDIENCE = 'switchboard';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

/** Signs tokens and shows its public keys, as an identity provider does. */
export class Issuer {
  readonly name: string;
  readonly #pairs = new Map<string, { pair: KeyPair; algorithm: string; jwk: JWK }>();

  constructor(name = 'https://issuer.test') {
    this.name = name;
  }

  async addKey(kid: string, algorithm = 'ES256'): Promise<void> {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    const jwk = { ...(await exportJWK(pair.publicKey)), kid, alg: algorithm, use: 'sig' };
    this.#pairs.set(kid, { pair, algorithm, jwk });
  }

  /** Tokens are still signed with it, but it is no longer shown. */
  get keySet(): { keys: JWK[] } {
    return { keys: [...this.#pairs.values()].map(({ jwk }) => jwk) };
  }

  removeKey(kid: string): void {
    this.#pairs.delete(kid);
  }

  /** A good token, changed by `claims` and `header`; undefined takes a claim away. */
  async token(
    kid: string,
    claims: Record<string, unknown> = {},
    header: { kid?: string | undefined } = { kid },
  ): Promise<string> {
    const key = this.#pairs.get(kid);
    if (key === undefined) throw new Error(`no key ${kid}`);
    const nowS = Math.floor(Date.now() / 1_000);
    const usual = { iss: this.name, aud: AUDIENCE, sub: 'alice', iat: nowS, exp: nowS + 600 };
    const payload = Object.fromEntries(
      Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined),
    );
    const named = header.kid === undefined ? {} : { kid: header.kid };
    return await new SignJWT(payload)
      .setProtectedHeader({ alg: key.algorithm, ...named })
      .sign(key.pair.privateKey);
  }
}

/** A server of one document, which may be away or wrong. */
export class KeySetServer {
  readonly #server = createServer((_, response) => {
    this.fetches += 1;
    if (this.hang) return;
    const { status, body, headers } = this.answer();
    response.writeHead(status, { connection: 'close', ...headers }).end(body);
  });
  fetches = 0;
  /** Takes requests and never answers. */
  hang = false;
  answer: () => { status: number; body: string; headers?: Record<string, string> };
  #port = 0;

  constructor(keySet: () => unknown) {
    this.answer = () => ({ status: 200, body: JSON.stringify(keySet()) });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/jwks`;
  }

  /** Listens, the second time on the port that it had. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
