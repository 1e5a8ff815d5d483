/**
 * `npm run bench`: measures Switchboard on this machine and compares the numbers with their bounds.
 */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runCommand, stopOnSignals } from '@switchboard/command-line';

import { FIGURES } from './figures/all.ts';
import { describeMachine, machineText } from './machine.ts';
import { readOptions, usage } from './options.ts';
import type { BenchOptions } from './options.ts';
import { reportTable } from './report-table.ts';
import { runFigures } from './run-figures.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RESULTS = join(ROOT, '.data', 'bench');

async function bench(options: BenchOptions): Promise<number> {
  const output = options.json ? process.stderr : process.stdout;
  const say = (text: string): void => {
    output.write(`${text}\n`);
  };
  const machine = await describeMachine(ROOT);
  say(`${machineText(machine)}\n`);
  if (options.replicas > 1) say(`${options.replicas} nats-servers: no bound is checked\n`);
  const chosen = FIGURES.filter(({ name, slow }) => {
    return options.only?.includes(name) ?? !(options.quick && slow === true);
  });
  const nodeOptions = options.profile ? await profileOptions() : undefined;
  const results = await runFigures(chosen, { options, nodeOptions, say });
  const missed = results.flatMap(({ rows }) => rows).filter((row) => row.met === false);
  const { quick, replicas } = options;
  const record = { ...machine, quick, replicas, missed: missed.length, results };
  const file = join(RESULTS, `${machine.date.replaceAll(':', '-')}.json`);
  await fs.mkdir(RESULTS, { recursive: true });
  await fs.writeFile(file, `${JSON.stringify(record, null, 2)}\n`);
  say(`\n${reportTable(results)}\n`);
  say(verdict(missed.length, replicas));
  say(`Kept in ${file}`);
  if (options.json) process.stdout.write(`${JSON.stringify(record)}\n`);
  return missed.length === 0 ? 0 : 1;
}

function verdict(missed: number, replicas: number): string {
  if (missed > 0) return `Bounds missed: ${missed}.`;
  return replicas === 1 ? 'Every bound is met.' : 'Everything was measured.';
}

/** Options of Node with which a process writes where its CPU time went when it ends. */
async function profileOptions(): Promise<string> {
  const folder = join(RESULTS, 'profiles');
  await fs.mkdir(folder, { recursive: true });
  return `--cpu-prof --cpu-prof-dir=${JSON.stringify(folder)}`;
}

async function main(): Promise<number> {
  const names = FIGURES.map((figure) => figure.name);
  const options = readOptions(process.argv.slice(2), names);
  if (options === 'help') {
    process.stdout.write(usage(FIGURES));
    return 0;
  }
  stopOnSignals();
  return await bench(options);
}

await runCommand(main, {
  usage: usage(FIGURES),
  explain: (error) => (error instanceof Error ? error.message : String(error)),
});
