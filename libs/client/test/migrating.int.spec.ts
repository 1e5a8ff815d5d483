/** The TypeScript of docs/migrating.md and of this package's README does what the pages say. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { after, before, test } from 'node:test';
import { compileFunction } from 'node:vm';
import { startStack } from '@switchboard/stack';
import type { Stack } from '@switchboard/stack';
import { leakGuard } from '@switchboard/testkit';
import { createClient } from '../src/index.ts';
import type { Agent, Client } from '../src/index.ts';

type Names = Readonly<Record<string, unknown>>;

const IMPORT = "import { createClient } from '@switchboard/client';\n";
const ADDRESS = 'http://127.0.0.1:8080';
const PAIRS = [['One', 'Two']];

let stack: Stack;
let text = '';

before(async () => {
  stack = await startStack();
  const client = createClient({ baseURL: `${stack.url}/v1`, apiKey: 'any' });
  text = await client.agent('assistant').call('Hello');
  assert.ok(text.length > 20);
});
after(async () => await stack.stop());

/** The code of a page, in its order. */
function snippetsOf(page: string): readonly string[] {
  const markdown = readFileSync(new URL(page, import.meta.url), 'utf8');
  return [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
}

/** Runs a snippet with names that its page takes as given; gives what it has defined. */
async function run(snippet: string, given: Names, defined: readonly string[]): Promise<Names> {
  const code = snippet.replace(IMPORT, '').replace(ADDRESS, stack.url);
  const result = `return { ${defined.join(', ')} };`;
  const body = `return (async () => {${stripTypeScriptTypes(code)}\n${result}})();`;
  const names = { createClient, ...given };
  const made = compileFunction(body, Object.keys(names)) as (...values: unknown[]) => unknown;
  return (await made(...Object.values(names))) as Names;
}

/** A `process` whose output is kept. */
function outputInto(pieces: string[]): Names {
  return { stdout: { write: (piece: string) => pieces.push(piece) } };
}

test('the page about moving over: its snippets, each with what those before it have made', async () => {
  const [shapes, pairs, stream, background, later, ...others] = snippetsOf(
    '../../../docs/migrating.md',
  );
  assert.equal(others.length, 0, 'a snippet that is not tested');
  const { history } = await run(pairs ?? '', { pairs: PAIRS }, ['history']);
  assert.deepEqual(history, [
    { role: 'user', content: 'One' },
    { role: 'assistant', content: 'Two' },
  ]);
  const given = { message: 'Hello', history, signal: new AbortController().signal };
  const names = ['client', 'agent', 'answer', 'sameAnswer'];
  const made = await run(shapes ?? '', given, names);
  assert.deepEqual([made['answer'], made['sameAnswer']], [text, text]);
  const { agent, client } = made as { agent: Agent; client: Client };

  const pieces: string[] = [];
  await run(stream ?? '', { ...given, agent, process: outputInto(pieces) }, []);
  assert.equal(pieces.join(''), text);
  assert.ok(pieces.length > 1);

  let id = '';
  const save = (saved: string) => {
    id = saved;
  };
  await run(background ?? '', { ...given, agent, save }, []);
  const again: string[] = [];
  const read = { client, id, process: outputInto(again) };
  const { response } = await run(later ?? '', read, ['response']);
  assert.equal((response as { output_text: string }).output_text, text);
  assert.equal(again.join(''), text);
});

test('the README: its example', async () => {
  const [example, ...others] = snippetsOf('../README.md');
  assert.equal(others.length, 0);
  const [pieces, logged] = [[] as string[], [] as unknown[]];
  const console = { log: (...values: unknown[]) => logged.push(...values) };
  const given = { process: outputInto(pieces), console };
  const { answer } = await run(example ?? '', given, ['answer']);
  assert.deepEqual([answer, pieces.join('')], [text, text]);
  assert.match(String(logged[0]), /^(queued|in_progress)$/);
  assert.deepEqual(logged.slice(1), [text, text]);
});

leakGuard();
