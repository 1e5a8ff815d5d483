/** A worker process for one run, which it answers with words for ever. `<NATS url>` */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEvent } from '@switchboard/contract';
import { AgentServer, NatsLink, type RunContext } from '../src/index.ts';
import { silent } from './harness.ts';

const [servers = ''] = process.argv.slice(2);
const link = NatsLink.open({ servers, name: 'talkative', log: silent });
const server = new AgentServer({
  link,
  pool: 'default',
  size: 1,
  worker: 'talkative',
  onWorkerLost: () => 'restart',
  log: silent,
});

async function* talk(_request: unknown, { signal }: RunContext): AsyncGenerator<RunEvent> {
  try {
    while (!signal.aborted) {
      yield { type: 'text.delta', text: 'word ' };
      await delay(2);
    }
  } finally {
    server.stopIntake();
    await link.connection.flush();
    process.stdout.write('stopped\n');
  }
}

server.addHandler('agent.run', talk as never);
server.listen(() => undefined);
await server.listening;
process.stdout.write('ready\n');
