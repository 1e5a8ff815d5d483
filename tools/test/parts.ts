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
  /** How long one test may take, milliseconds. */
  readonly testTimeoutMs: number;
  /** How long a file may take after its last test to stop what it has started, milliseconds. */
  readonly closeTimeoutMs: number;
  /** How long one command or one file may take before it is killed as failed, milliseconds. */
  readonly timeoutMs: number;
  /** A suite of its own, `npm run test:<name>`: a plain `npm test` leaves it out. */
  readonly apart: boolean;
}

export interface Command {
  readonly command: string;
  readonly arguments: readonly string[];
}

const MINUTE_MS = 60_000;

export const PARTS: readonly Part[] = [
  checks('format', 'formatting (prettier)', (root) => [bin(root, 'prettier', '--check', '.')]),
  checks('lint', 'lint (oxlint with type information)', (root) => [
    bin(root, 'oxlint', '--type-aware', '--deny-warnings'),
  ]),
  checks('types', 'types (tsc)', (root) =>
    projects(root).map((project) => bin(root, 'tsc', '-p', project)),
  ),
  {
    ...tests('tidy', 'rules of the repository (tools/tidy)', ['tools/tidy/**/*.spec.ts']),
    commands: (root) =>
      globSync('tools/tidy/main.ts', { cwd: root }).map((script) => bin(root, 'node', script)),
  },
  tests('unit', 'unit and property tests', [
    '{libs,services}/*/src/**/*.spec.ts',
    'tools/**/*.spec.ts',
  ]),
  {
    ...tests('integration', 'integration tests', named('int')),
    testTimeoutMs: 2 * MINUTE_MS,
    // With two a third of the processors waits.
    concurrency: 3,
  },
  {
    ...tests('fault', 'fault tests', named('fault')),
    testTimeoutMs: 3 * MINUTE_MS,
    // They wait for claims to run out most of the time: a quarter of a core each.
    concurrency: 3,
  },
  {
    ...tests('storm', 'seeded storm', named('storm')),
    testTimeoutMs: 15 * MINUTE_MS,
    timeoutMs: 20 * MINUTE_MS,
    concurrency: 1,
  },
  {
    ...tests('drill', 'kills, restarts and a soak', named('drill')),
    testTimeoutMs: 8 * MINUTE_MS,
    timeoutMs: 10 * MINUTE_MS,
    concurrency: 1,
    apart: true,
  },
  {
    ...tests('examples', 'the examples, each as its README says', named('examples')),
    commands: (root) => [bin(root, 'node', 'tools/e2e/examples/prepare.ts')],
    testTimeoutMs: 3 * MINUTE_MS,
    timeoutMs: 10 * MINUTE_MS,
    concurrency: 1,
    apart: true,
  },
  {
    ...tests('real', 'a model server that nobody here wrote', named('real')),
    testTimeoutMs: 5 * MINUTE_MS,
    timeoutMs: 15 * MINUTE_MS,
    concurrency: 1,
    apart: true,
  },
];

/** Test files outside `src`: they need processes, and are named after what they do with them. */
function named(kind: string): readonly string[] {
  return ['{libs,services,tools}/*/test', 'test'].map((folder) => `${folder}/**/*.${kind}.spec.ts`);
}

/** The files of a part, in order. What belongs to another part by its name is not in this one. */
export function filesOf(part: Part, root: string): readonly string[] {
  const files = globSync([...part.patterns], {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path),
  });
  return files.filter((file) => part.name !== 'unit' || isUnit(file)).toSorted();
}

function isUnit(file: string): boolean {
  return (
    !/\.(int|fault|storm|drill|examples|real)\.spec\.ts$/.test(file) &&
    !file.startsWith(join('tools', 'tidy'))
  );
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

function checks(name: string, title: string, commands: Part['commands']): Part {
  return { ...tests(name, title, []), commands };
}

function tests(name: string, title: string, patterns: readonly string[]): Part {
  return {
    name,
    title,
    patterns,
    commands: () => [],
    concurrency: 2,
    testTimeoutMs: MINUTE_MS,
    closeTimeoutMs: 45_000,
    timeoutMs: 5 * MINUTE_MS,
    apart: false,
  };
}

function bin(root: string, name: string, ...parameters: readonly string[]): Command {
  return { command: join(root, 'node_modules', '.bin', name), arguments: parameters };
}
