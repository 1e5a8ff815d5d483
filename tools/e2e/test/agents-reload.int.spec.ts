/** The agents' file is changed while requests come, the way Kubernetes changes a ConfigMap. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { writeAgentsFile } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody, readAnswer } from '../chat.ts';
import type { Answer } from '../chat.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const CALLERS = 6;
const CHANGES = 5;

const STEADY = { name: 'steady', model: 'sim/tokens=3,pace=5ms' };
const LONG = { name: 'long', model: 'sim/think=60s' };

/** A folder as a mounted ConfigMap is: what is in it changes by the swap of one link. */
class MountedFile {
  readonly path: string;
  readonly #folder: string;
  #versions = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'agents.yaml');
  }

  static async create(text: string): Promise<MountedFile> {
    const folder = await mkdtemp(join(tmpdir(), 'switchboard-reload-'));
    const file = new MountedFile(folder);
    await file.write(text);
    await symlink(join('..data', 'agents.yaml'), file.path);
    return file;
  }

  async write(text: string): Promise<void> {
    const last = `v${this.#versions}`;
    this.#versions += 1;
    const next = `v${this.#versions}`;
    await mkdir(join(this.#folder, next));
    await writeFile(join(this.#folder, next, 'agents.yaml'), text);
    await symlink(next, join(this.#folder, '..next'));
    await rename(join(this.#folder, '..next'), join(this.#folder, '..data'));
    await rm(join(this.#folder, last), { recursive: true, force: true });
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

const fileOf = (...agents: object[]): string => JSON.stringify({ agents });

let file: MountedFile;
let stack: TestStack;

before(async () => {
  file = await MountedFile.create(fileOf(STEADY, LONG));
  const env = { AGENTS_FILE: file.path };
  // The users of NATS are made for the pools that these name.
  const pools = { AGENTS_FILE: writeAgentsFile([{ ...STEADY, pool: 'big' }]) };
  stack = await TestStack.start({ gateways: 2, workers: 0, gatewayEnv: env, workerEnv: pools });
  await Promise.all([stack.stack.addWorker(env), stack.stack.addWorker(env)]);
});
after(async () => {
  await stack.stop();
  await file.remove();
});

const urls = (): string[] => stack.stack.gateways.map(({ url }) => url);

async function models(url: string): Promise<readonly string[]> {
  const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

async function untilKnown(name: string, isKnown = true): Promise<void> {
  const known = async () => {
    const all = await Promise.all(urls().map(models));
    return all.every((names) => names.includes(name) === isKnown);
  };
  await until(known, { what: `the gateways to know ${name}`, timeoutMs: PATIENCE_MS });
}

interface Line {
  readonly msg?: string;
  readonly agentsVersion?: string;
  readonly version?: string;
  readonly problems?: readonly string[];
}

function lines(msg: string): readonly Line[] {
  return stack.printed
    .filter(({ process }) => /^(gateway|worker)/.test(process))
    .map(({ text }) => JSON.parse(text) as Line)
    .filter((line) => line.msg === msg);
}

/** Waits until the two gateways and the two workers have all said that they use it. */
async function untilUsed(text: string): Promise<void> {
  const version = hash('sha256', text).slice(0, 12);
  const used = () => {
    const all = lines('a file has changed and is in use').filter(
      (line) => line.version === version,
    );
    return all.length === 4;
  };
  await until(used, { what: 'everybody to use the file', timeoutMs: PATIENCE_MS });
}

/** Asks on and on until it is told to stop; each answer, in order. */
async function keepAsking(url: string, stop: AbortSignal): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (let count = 0; !stop.aborted; count += 1) {
    answers.push(await ask(url, chatBody('steady', { stream: count % 2 === 0 })));
  }
  return answers;
}

describe('the agents file is changed under load', () => {
  it('no request fails because of it, and new agents answer', async () => {
    const stop = new AbortController();
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      return await keepAsking(urls()[caller % 2] ?? '', stop.signal);
    });
    for (let change = 1; change <= CHANGES; change += 1) {
      const added = { name: `new-${change}`, model: `sim/tokens=${change}` };
      await file.write(fileOf({ ...STEADY, description: String(change) }, LONG, added));
      await untilKnown(added.name);
      // A worker that has not looked yet gives it back, for one that has.
      const answers = await Promise.all(urls().map((url) => ask(url, chatBody(added.name))));
      for (const answer of answers) assert.equal(answer.complete, true, JSON.stringify(answer));
    }
    stop.abort();
    const answers = (await Promise.all(callers)).flat();
    const broken = answers.filter(({ complete }) => !complete);
    assert.deepEqual(broken, []);
    assert.ok(answers.length > 10 * CALLERS, `${answers.length} answers`);
    for (const [msg, who] of [
      ['request', 'gateway'],
      ['run over', 'worker'],
    ] as const) {
      const versions = new Set(lines(msg).map(({ agentsVersion }) => agentsVersion));
      versions.delete(undefined);
      assert.ok(versions.size >= CHANGES, `${who}: ${[...versions].join()}`);
    }
  });

  it('a run of an agent that is removed goes on; who asks for it then is told', async () => {
    const model = 'sim/think=3s,tokens=2';
    const text = fileOf(STEADY, { ...LONG, model });
    await file.write(text);
    await untilUsed(text);
    const running = await chat(stack.url, chatBody('long', { stream: true }), {
      requestId: 'long-run',
    });
    await stack.modelHas('long-run');
    await file.write(fileOf(STEADY));
    await untilKnown('long', false);
    for (const url of urls()) {
      const refused = await ask(url, chatBody('long'));
      assert.deepEqual([refused.status, refused.error?.code], [404, 'model_not_found']);
    }
    assert.equal((await readAnswer(running)).complete, true);
  });

  it('a bad file is refused by all, with every problem, and the old one is used', async () => {
    const secret = 'SECRET-WORDS';
    const bad = [
      { ...STEADY, timeout: -1, instructions: secret },
      { name: 'x', model: 'm', pool: 'a b' },
    ];
    await file.write(fileOf(...bad));
    const refusals = () => lines('a file is broken: its last good state stays in use');
    await until(() => refusals().length === 4, {
      what: 'four processes to refuse it',
      timeoutMs: PATIENCE_MS,
    });
    for (const { problems = [] } of refusals()) {
      assert.match(problems.join('\n'), /agents\[0\]\.timeout(.|\n)*agents\[1\]\.pool/);
    }
    assert.ok(stack.printed.every(({ text }) => !text.includes(secret)));
    assert.equal((await ask(stack.url, chatBody('steady'))).complete, true);
  });

  it('an agent of a pool that is new to the gateways is served', async () => {
    await file.write(fileOf(STEADY, { ...STEADY, name: 'large', pool: 'big' }));
    await untilKnown('large');
    const early = urls().map((url) => ask(url, chatBody('large')));
    await stack.stack.addWorker({ AGENTS_FILE: file.path, WORKER_POOL: 'big' });
    const answers = await Promise.all(early);
    for (const answer of answers) assert.equal(answer.complete, true, JSON.stringify(answer));
  });
});

leakGuard();
