import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';

import { renderAuthorization } from '@switchboard/contract';
import type { NatsRole } from '@switchboard/contract';
import { builtInProfiles, loadAgentsFile } from '@switchboard/platform/config';

export interface NatsCredentials {
  readonly user: string;
  readonly password: string;
}

const PASSWORD_BYTES = 32;

/**
 * Users of one nats-server, with passwords that nobody has used before. They are in the server's
 * configuration, which only this user of the machine may read, and in the environment of the
 * services. As plain text: what guards a password that is as long as a key is the file, and a hash
 * would cost the server its time at every connection.
 */
export class NatsAccess {
  readonly gateway = newCredentials('gateway');
  readonly worker = newCredentials('worker');
  /** May do everything: for a person, and for tests that look on. */
  readonly operator = newCredentials('operator');
  readonly #pools: readonly string[];

  /** `pools`: all there will be; a server learns of no other later. */
  constructor(pools: readonly string[]) {
    this.#pools = pools;
  }

  /** For services with these environments: their agents' pools, and the workers' own. */
  static for(...environments: readonly NodeJS.ProcessEnv[]): NatsAccess {
    const pools = environments.flatMap((env) => [...agentPools(env), env['WORKER_POOL'] ?? '']);
    return new NatsAccess([...new Set(pools.filter((pool) => pool !== ''))]);
  }

  /** What nats-server needs in its configuration. */
  get configuration(): string {
    const users = (['gateway', 'worker', 'operator'] as const).map((role) => {
      const { user: name, password } = this[role];
      return { role, name, password: JSON.stringify(password) };
    });
    return renderAuthorization(users, this.#pools);
  }

  /** The variables of NATS's own tools, and of ours, for a shell of this user of the machine. */
  async writeOperatorFile(path: string, port: number): Promise<void> {
    const all = { NATS_URL: `nats://127.0.0.1:${port}`, ...this.environment('operator') };
    const lines = Object.entries(all).map(([name, value]) => `export ${name}=${value}\n`);
    await fs.writeFile(path, lines.join(''), { mode: 0o600 });
  }

  /** What a service needs in its environment. */
  environment(role: NatsRole): NodeJS.ProcessEnv {
    const { user, password } = this[role];
    return { NATS_USER: user, NATS_PASSWORD: password };
  }
}

function newCredentials(role: NatsRole): NatsCredentials {
  return { user: role, password: randomBytes(PASSWORD_BYTES).toString('base64url') };
}

function agentPools(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    const builtIn = builtInProfiles({ model: env['OPENAI_MODEL'] });
    return loadAgentsFile(env['AGENTS_FILE'], builtIn).agents.map(({ pool }) => pool);
  } catch {
    // The services say what is wrong with the file.
    return ['default'];
  }
}
