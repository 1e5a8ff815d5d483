import { isCode, unitOf } from '../code-file.ts';
import { missing } from '../rule.ts';
import type { Problem, RepositoryFile, Rule } from '../rule.ts';

const FOLDERS = ['services', 'libs', 'deploy', 'load', 'tools', 'test', 'examples'];
const MAP = 'ARCHITECTURE.md';

/** Each package folder, and each known top-level folder, that has code. */
function foldersWithCode(files: readonly RepositoryFile[]): string[] {
  const folders = files.filter(({ path }) => isCode(path)).map(({ path }) => folderOf(path));
  return [...new Set(folders.filter((folder) => folder !== undefined))];
}

function folderOf(path: string): string | undefined {
  const top = path.split('/')[0] ?? '';
  return unitOf(path) ?? (FOLDERS.includes(top) ? top : undefined);
}

function named(map: string, folder: string): boolean {
  const name = folder.replaceAll(/[.+]/g, String.raw`\$&`);
  return new RegExp(`(^|[^\\w/-])${name}/?([^\\w-]|$)`, 'm').test(map);
}

export const codeFolders: Rule = {
  name: 'code-folders',
  why: 'Whoever looks for code must find every folder in one map.',
  check(files) {
    const stray = files
      .filter(({ path }) => isCode(path) && !FOLDERS.includes(path.split('/')[0] ?? ''))
      .map(({ path }) => ({
        path,
        line: 1,
        message: `code belongs under ${FOLDERS.map((folder) => `${folder}/`).join(', ')}`,
      }));
    const map = files.find(({ path }) => path === MAP);
    if (map === undefined) return [...stray, missing(MAP, 'it has a sentence for each folder')];
    const unnamed: Problem[] = foldersWithCode(files)
      .filter((folder) => !named(map.text, folder))
      .map((folder) => ({ path: MAP, line: 1, message: `has no word about ${folder}` }));
    return [...stray, ...unnamed];
  },
};
