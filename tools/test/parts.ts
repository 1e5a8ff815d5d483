import { globSync } from 'node:fs';
import { join } from 'node:path';

/** A step of `npm test`: commands that pass or fail as one, test files, or both. */
export interface Part {
  readonly name: string;
  /** For the heading and `--help`. */
  readonly title: string;
  /** Run one after the other; together they count as one test. */
  readonly commands: (root: string) => readonly Command[];
  /** Test files, as globs from the root. */
  readonly patterns: readonly string[];
  /** How many test files run at once. */
  readonly concurrency: number;
  /** How long the part may take before it is killed and counted as failed, milliseconds. */
  readonly timeoutMs: number;
}

export interface Command {
  readonly command: string;
  readonly arguments: readonly string[];
}

const MINUTE_MS = 60_000;

export const PARTS: readonly Part[] = [
  {
    ...commands('format', 'formatting (prettier)', (root) => [
      bin(root, 'prettier', '--check', '.'),
    ]),
  },
  {
    ...commands('lint', 'lint (oxlint, type-aware)', (root) => [
      bin(root, 'oxlint', '--type-aware', '--deny-warnings'),
    ]),
  },
  {
    ...commands('types', 'types (tsc)', (root) =>
      projects(root).map((project) => bin(root, 'tsc', '-p', project)),
    ),
  },
  {
    ...tests('tidy', 'the repository itself (tools/tidy)', ['tools/tidy/**/*.spec.ts'], 2),
    commands: (root) =>
      globSync('tools/tidy/main.ts', { cwd: root }).map((script) => bin(root, 'node', script)),
  },
  tests(
    'unit',
    'unit and property tests',
    ['{libs,services}/*/src/**/*.spec.ts', 'tools/**/*.spec.ts'],
    2,
  ),
  tests(
    'integration',
    'integration tests',
    ['{libs,services,tools}/*/test/**/*.int.spec.ts', 'test/**/*.int.spec.ts'],
    2,
  ),
  tests(
    'fault',
    'fault tests',
    ['{libs,services,tools}/*/test/**/*.fault.spec.ts', 'test/**/*.fault.spec.ts'],
    1,
  ),
  tests(
    'storm',
    'seeded storm',
    ['{libs,services}/*/test/**/*.storm.spec.ts', 'test/storm/**/*.storm.spec.ts'],
    1,
  ),
];

/** The files of a part, in order. What belongs to another part by its name is not in this one. */
export function filesOf(part: Part, root: string): readonly string[] {
  const files = globSync([...part.patterns], {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path),
  });
  return files.filter((file) => part.name !== 'unit' || isUnit(file)).toSorted();
}

function isUnit(file: string): boolean {
  return !/\.(int|fault|storm)\.spec\.ts$/.test(file) && !file.startsWith(join('tools', 'tidy'));
}

/** The TypeScript projects that have something to check. */
export function projects(root: string): readonly string[] {
  const found = globSync(
    ['{libs,services,tools}/*/tsconfig.json', 'tools/tsconfig.json', 'test/tsconfig.json'],
    {
      cwd: root,
    },
  );
  return found
    .filter((project) => {
      const folder = join(root, project, '..');
      return globSync('{,src/,test/}**/*.ts', { cwd: folder }).some(
        (file) => !file.includes('node_modules'),
      );
    })
    .toSorted();
}

function commands(name: string, title: string, list: Part['commands']): Part {
  return { name, title, commands: list, patterns: [], concurrency: 1, timeoutMs: 5 * MINUTE_MS };
}

function tests(
  name: string,
  title: string,
  patterns: readonly string[],
  concurrency: number,
): Part {
  return { name, title, commands: () => [], patterns, concurrency, timeoutMs: 15 * MINUTE_MS };
}

function bin(root: string, name: string, ...parameters: readonly string[]): Command {
  return { command: join(root, 'node_modules', '.bin', name), arguments: parameters };
}
