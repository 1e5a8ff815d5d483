/** A file of API keys for the gateways of a drill. */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DrillKeys {
  readonly path: string;
  /** The key of each name. */
  readonly of: (name: string) => string;
}

/** The scopes of each key by its name. The file goes when this process ends. */
export function writeKeys(scopes: Readonly<Record<string, readonly string[]>>): DrillKeys {
  const folder = fs.mkdtempSync(join(tmpdir(), 'switchboard-keys-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'keys.json');
  const made = new Map(Object.keys(scopes).map((name) => [name, randomKey()]));
  const of = (name: string): string => {
    const key = made.get(name);
    if (key === undefined) throw new RangeError(`there is no key ${name}`);
    return key;
  };
  const keys = Object.entries(scopes).map(([name, each]) => {
    const sha256 = createHash('sha256').update(of(name)).digest('hex');
    return { name, sha256, scopes: each, createdAt: new Date().toISOString() };
  });
  fs.writeFileSync(path, JSON.stringify({ keys }), { mode: 0o600 });
  return { path, of };
}

const randomKey = (): string => `sk-sb-${randomBytes(32).toString('base64url')}`;
