import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { childEnvironment } from '@switchboard/stack';

import type { JobKind, Jobs, ResultMessage } from './load/jobs.ts';

const SCRIPT = fileURLToPath(new URL('load/main.ts', import.meta.url));

/** Longer than the longest job. */
const JOB_TIMEOUT_MS = 180_000;

/** The process that sends the requests. One job at a time. */
export class LoadClient {
  readonly #child: ChildProcess;

  constructor() {
    // The child ends when this process does: see its handler of `disconnect`.
    this.#child = fork(SCRIPT, {
      env: childEnvironment(),
      execArgv: [],
      serialization: 'advanced',
    });
  }

  /** -1 when it did not start: the first job then says so. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Throws when the job fails, the process ends or it takes longer than three minutes. */
  async run<Kind extends JobKind>(
    kind: Kind,
    job: Jobs[Kind]['job'],
  ): Promise<Jobs[Kind]['result']> {
    const { promise, resolve, reject } = Promise.withResolvers<ResultMessage>();
    const onExit = (): void => reject(new Error('the load client ended'));
    const timer = setTimeout(() => reject(new Error('the load took too long')), JOB_TIMEOUT_MS);
    this.#child.once('message', resolve).once('exit', onExit);
    try {
      this.#child.send({ kind, job });
      const message = await promise;
      if (!message.ok) throw new Error(message.error.replace(/^Error: /, ''));
      // The client answers each kind of job with its own kind of result.
      return message.result as Jobs[Kind]['result'];
    } finally {
      clearTimeout(timer);
      this.#child.off('message', resolve).off('exit', onExit);
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
