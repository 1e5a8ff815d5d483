/** A worker process that begins a tool for its one run, and never ends it. `<NATS url>` */
import type { RunEvent } from '@switchboard/contract';
import { AgentServer, NatsLink, type RunContext } from '../src/index.ts';
import { silent } from './harness.ts';

const [servers = ''] = process.argv.slice(2);
const link = NatsLink.open({ servers, name: 'tool worker', log: silent });
const server = new AgentServer({ link, pool: 'default', size: 1, worker: 'tools', log: silent });

async function* callTools(_: unknown, context: RunContext): AsyncGenerator<RunEvent> {
  const source = 'agent';
  yield { type: 'tool.started', id: 'done', name: 'send', source, arguments: '{}' };
  yield { type: 'tool.result', id: 'done', output: 'sent' };
  yield { type: 'tool.started', id: 'begun', name: 'send', source, arguments: '{}' };
  await context.stored();
  process.stdout.write('called\n');
  yield { type: 'text.delta', text: 'said, and perhaps never heard' };
  await new Promise(() => {});
}

server.addHandler('agent.run', callTools as never);
server.listen(() => undefined);
await server.listening;
process.stdout.write('ready\n');
