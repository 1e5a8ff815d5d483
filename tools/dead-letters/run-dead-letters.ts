import { SwitchboardError } from '@switchboard/contract';
import type { DeadLetter, Replayed } from '@switchboard/transport';

import { bodyText, letterLines, lettersTable } from './letter-text.ts';
import type { Command, Which } from './options.ts';

/** What the commands need of the transport's dead letters. */
export interface Letters {
  list(): AsyncIterable<DeadLetter>;
  find(id: number): Promise<DeadLetter | undefined>;
  body(id: number): Promise<string | undefined>;
  replay(id: number): Promise<Replayed>;
  remove(id: number): Promise<boolean>;
  removeAll(): Promise<number>;
}

/** What a command says, in both forms, and how it exits. */
export interface Said {
  readonly lines: readonly string[];
  readonly json: object;
  readonly exitCode: 0 | 1;
}

/** @throws SwitchboardError when NATS does not answer. */
export async function runDeadLetters(letters: Letters, command: Command): Promise<Said> {
  if (command.name === 'list') return await list(letters);
  if (command.name === 'show') return await show(letters, command.id, command.body);
  if (command.name === 'replay') return await replay(letters, command.which);
  return await purge(letters, command.which);
}

async function list(letters: Letters): Promise<Said> {
  const all = await allOf(letters);
  const lines = all.length === 0 ? ['There are no dead letters.'] : lettersTable(all);
  return { lines, json: { letters: all }, exitCode: 0 };
}

async function show(letters: Letters, id: number, withBody: boolean): Promise<Said> {
  const letter = await letters.find(id);
  const body = withBody ? await letters.body(id) : undefined;
  if (letter === undefined || (withBody && body === undefined)) return missing(id);
  if (body === undefined) return { lines: letterLines(letter), json: letter, exitCode: 0 };
  const lines = [...letterLines(letter), '', bodyText(body)];
  return { lines, json: { ...letter, body }, exitCode: 0 };
}

async function replay(letters: Letters, which: Which): Promise<Said> {
  // Known before the first one runs: what is given up again meanwhile is not replayed again.
  const ids = which === 'all' ? (await allOf(letters)).map(({ id }) => id) : [which];
  const lines: string[] = [];
  const replayed: object[] = [];
  const failed: object[] = [];
  for (const id of ids) {
    const result = await tryReplay(letters, id);
    if (result.kind === 'queued') {
      const { run, replaced } = result;
      lines.push(`Letter ${id} is queued as run ${run}, in place of ${replaced}.`);
      replayed.push({ id, run, replaced });
      continue;
    }
    const why = result.kind === 'missing' ? 'there is no such letter' : result.why;
    lines.push(`Letter ${id} was not replayed: ${why}.`);
    failed.push({ id, why });
    // A queue that takes nothing takes nothing of the next letter either.
    if (result.kind === 'stopped') break;
  }
  if (ids.length === 0) lines.push('There are no dead letters.');
  return { lines, json: { replayed, failed }, exitCode: failed.length === 0 ? 0 : 1 };
}

/** What was replayed before a failure must be told too, so a failure is a result here. */
async function tryReplay(
  letters: Letters,
  id: number,
): Promise<Replayed | { readonly kind: 'stopped'; readonly why: string }> {
  try {
    return await letters.replay(id);
  } catch (error) {
    if (!(error instanceof SwitchboardError)) throw error;
    return { kind: 'stopped', why: error.message.replace(/\.$/, '') };
  }
}

async function purge(letters: Letters, which: Which): Promise<Said> {
  if (which !== 'all') {
    if (!(await letters.remove(which))) return missing(which);
    return { lines: [`Letter ${which} is erased.`], json: { purged: 1 }, exitCode: 0 };
  }
  const purged = await letters.removeAll();
  const lines = [purged === 1 ? '1 letter is erased.' : `${purged} letters are erased.`];
  return { lines, json: { purged }, exitCode: 0 };
}

/** Their stream holds 64 MiB at most, and none of the requests is kept here. */
async function allOf(letters: Letters): Promise<readonly DeadLetter[]> {
  const all: DeadLetter[] = [];
  for await (const letter of letters.list()) all.push(letter);
  return all;
}

function missing(id: number): Said {
  const error = `There is no dead letter ${id}.`;
  return { lines: [error], json: { error }, exitCode: 1 };
}
