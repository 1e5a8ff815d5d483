import { posix } from 'node:path';
import { isCode, packageOf, packagesOf } from '../code-file.ts';
import type { Package } from '../code-file.ts';
import type { Problem, RepositoryFile, Rule } from '../rule.ts';
import { importsOf } from '../source-text.ts';

const SCOPE = '@switchboard/';

/** What may be imported from a package: `.` and named sub-paths. Patterns would open everything. */
function doorsOf(pack: Package): readonly string[] | undefined {
  const map = pack.json['exports'];
  if (typeof map !== 'object' || map === null) return undefined;
  return Object.keys(map);
}

function manifestProblems(pack: Package): Problem[] {
  const path = `${pack.folder}/package.json`;
  const doors = doorsOf(pack);
  if (doors === undefined) {
    const message = '`exports` must name the doors of the package: "." or named sub-paths';
    return [{ path, line: 1, message }];
  }
  return doors
    .filter((door) => door.includes('*') || !door.startsWith('.'))
    .map((door) => ({ path, line: 1, message: `the export "${door}" is not one named door` }));
}

/** Why a specifier may not stand in a file; undefined if it may. */
function refusal(path: string, specifier: string, packages: readonly Package[]) {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    const [own, other] = [packageOf(path, packages), packageOf(target, packages)];
    if (own === other && !target.startsWith('..')) return undefined;
    return `${specifier} leaves the package; import the other one by its name`;
  }
  if (!specifier.startsWith(SCOPE)) return undefined;
  const [scope = '', name = '', ...rest] = specifier.split('/');
  const pack = packages.find((one) => one.name === `${scope}/${name}`);
  if (pack === undefined) return `there is no package ${scope}/${name}`;
  const door = rest.length === 0 ? '.' : `./${rest.join('/')}`;
  if (doorsOf(pack)?.includes(door) === true) return undefined;
  return `${specifier} is not in the \`exports\` of ${pack.folder}/package.json`;
}

function importProblems(file: RepositoryFile, packages: readonly Package[]): Problem[] {
  return importsOf(file.text).flatMap(({ specifier, line }) => {
    const message = refusal(file.path, specifier, packages);
    return message === undefined ? [] : [{ path: file.path, line, message }];
  });
}

export const packageDoors: Rule = {
  name: 'package-doors',
  why: 'A package whose inner files are imported elsewhere can no longer be changed by itself.',
  check(files) {
    const packages = packagesOf(files);
    const shared = packages.filter(({ folder }) => /^(libs|services)\//.test(folder));
    const code = files.filter(({ path }) => isCode(path));
    return [
      ...shared.flatMap(manifestProblems),
      ...code.flatMap((file) => importProblems(file, packages)),
    ];
  },
};
