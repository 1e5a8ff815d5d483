/** Agents that do what the worst module could do, and others that only have to live beside them. */
import { appendFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { type Agent, type AgentRequest, defineAgent } from '@switchboard/agent';

/** Written at once: what kills the process would take along what is still to be written. */
function note(what: 'begins' | 'ends', { requestId, attempt }: AgentRequest): void {
  const entry = { what, id: requestId, attempt, pid: process.pid, atMs: Date.now() };
  appendFileSync(process.env['AGENT_JOURNAL'] ?? '', `${JSON.stringify(entry)}\n`);
}

/** Long enough for others to be beside it. */
const FUSE_MS = 1_000;

function poison(name: string, act: () => unknown, settings: { timeout?: number } = {}): Agent {
  return defineAgent({
    name: `poison/${name}`,
    ...settings,
    async *run(request) {
      note('begins', request);
      await setTimeout(FUSE_MS);
      await act();
      yield 'it did nothing';
    },
  });
}

export const exits = poison('exits', () => process.exit(1));

export const loops = poison('loops', () => {
  for (;;);
});

export const hoards = poison('hoards', () => {
  for (const hoard = []; ;) hoard.push(Array.from({ length: 100_000 }, (_, index) => [index]));
});

export const heedless = poison('heedless', () => new Promise(() => undefined), { timeout: 3 });

/** Leaves a promise behind that fails when its run is long over. */
export const careless = defineAgent({
  name: 'careless',
  async *run() {
    void setTimeout(FUSE_MS).then(() => {
      throw new Error('left behind');
    });
    yield 'done';
  },
});

export const quiet = defineAgent({
  name: 'quiet',
  async *run(request, { signal }) {
    note('begins', request);
    await setTimeout(3_000, undefined, { signal });
    yield 'done';
    note('ends', request);
  },
});

export const talking = defineAgent({
  name: 'talking',
  async *run(request, { signal }) {
    note('begins', request);
    for (let word = 0; word < 15; word += 1) {
      yield 'word ';
      await setTimeout(200, undefined, { signal });
    }
    note('ends', request);
  },
});
