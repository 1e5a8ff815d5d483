import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An identity provider: signs tokens and shows its key set, which changes. */
export class TokenIssuer implements AsyncDisposable {
  readonly #server = createServer((_request, response) => {
    const keys = [...this.#shown].map((kid) => {
      const jwk = this.#keys.get(kid)?.publicKey.export({ format: 'jwk' });
      return { ...jwk, kid, alg: 'ES256', use: 'sig' };
    });
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  readonly #keys = new Map<string, { publicKey: KeyObject; privateKey: KeyObject }>();
  readonly #shown = new Set<string>();

  static async start(): Promise<TokenIssuer> {
    const issuer = new TokenIssuer();
    await new Promise<void>((resolve) => {
      issuer.#server.listen(0, '127.0.0.1', resolve);
    });
    return issuer;
  }

  /** What a gateway must know. */
  get environment(): NodeJS.ProcessEnv {
    const { port } = this.#server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/`;
    return { JWT_ISSUER: 'https://issuer.test', JWT_AUDIENCE: 'switchboard', JWKS_URL: url };
  }

  show(kid: string): void {
    if (!this.#keys.has(kid)) {
      this.#keys.set(kid, generateKeyPairSync('ec', { namedCurve: 'P-256' }));
    }
    this.#shown.add(kid);
  }

  /** It still signs, but nobody is to accept that any more. */
  withdraw(kid: string): void {
    this.#shown.delete(kid);
  }

  /** Headers of a request with a token of ten minutes. */
  headers(kid: string, user: string): Record<string, string> {
    const key = this.#keys.get(kid);
    if (key === undefined) throw new Error(`there is no key ${kid}`);
    const nowS = Math.floor(Date.now() / 1_000);
    const claims = { iss: 'https://issuer.test', aud: 'switchboard', sub: user, exp: nowS + 600 };
    const signed = [{ alg: 'ES256', kid }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const { privateKey } = key;
    const signature = sign('sha256', Buffer.from(signed), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return { authorization: `Bearer ${signed}.${signature.toString('base64url')}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
