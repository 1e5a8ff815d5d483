/** Which files and folders of AGENTS_DIR are modules. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** More is some other folder. */
const ENTRIES_MAX = 1_000;

const CODE = /\.(js|mjs|ts|mts)$/;
/** Types, tests and the settings of tools lie beside modules, and are none. */
const BESIDE = /\.(d\.m?ts|(spec|test|config)\.\w+)$/;
/**
 * Hidden, private by name, a package's dependencies, and what a new disk has. A ConfigMap's mount
 * has its files behind hidden folders, to which the visible names are links.
 */
const PASSED_OVER = /^([._].*|node_modules|lost\+found)$/;
const INDEX_FILES = ['index.js', 'index.mjs', 'index.ts', 'index.mts'];

export interface ModuleEntry {
  /** As it stands in the folder: `poet.mjs`. */
  readonly name: string;
  /** What is imported. */
  readonly url: string;
}

export interface FoundModules {
  readonly entries: readonly ModuleEntry[];
  /** Each begins with the name of what it is about. */
  readonly problems: readonly string[];
}

/** Modules in the order of their names. Never throws: an unreadable folder is a problem. */
export function findModules(folder: string): FoundModules {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => !PASSED_OVER.test(name));
  } catch (thrown) {
    return { entries: [], problems: [`the folder cannot be read (${codeOf(thrown)})`] };
  }
  if (names.length > ENTRIES_MAX) {
    return { entries: [], problems: [`more than ${ENTRIES_MAX} entries`] };
  }
  const entries: ModuleEntry[] = [];
  const problems: string[] = [];
  for (const name of names.toSorted()) {
    try {
      const path = pathOf(join(folder, name));
      if (path !== undefined) entries.push({ name, url: pathToFileURL(path).href });
    } catch (thrown) {
      problems.push(`${name}: ${thrown instanceof NoModule ? thrown.message : codeOf(thrown)}`);
    }
  }
  if (entries.length === 0 && problems.length === 0) problems.push('there is no module in it');
  return { entries, problems };
}

class NoModule extends Error {}

/** The file to import; undefined where there is nothing that claims to be a module. */
function pathOf(path: string): string | undefined {
  const stat = statSync(path);
  if (stat.isDirectory()) return mainOf(path);
  return stat.isFile() && CODE.test(path) && !BESIDE.test(path) ? path : undefined;
}

function mainOf(folder: string): string {
  const manifest = join(folder, 'package.json');
  const named = existsSync(manifest) ? mainIn(manifest) : undefined;
  const path = [...(named === undefined ? INDEX_FILES : [named])]
    .map((name) => join(folder, name))
    .find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  if (named !== undefined) throw new NoModule('what its package.json names is not there');
  throw new NoModule('has no package.json that names a file, and no index file');
}

function mainIn(manifest: string): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(manifest, 'utf8'));
  } catch {
    // The parser's message quotes the file.
    throw new NoModule('its package.json cannot be read');
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const main = 'main' in json ? json.main : undefined;
  return exportedBy('exports' in json ? json.exports : undefined) ?? stringIn(main);
}

/** What `import` of the package by its name would take. */
function exportedBy(exported: unknown): string | undefined {
  if (typeof exported !== 'object' || exported === null) return stringIn(exported);
  for (const [condition, target] of Object.entries(exported)) {
    if (!['.', 'node', 'import', 'default'].includes(condition)) continue;
    const path = exportedBy(target);
    if (path !== undefined) return path;
  }
  return undefined;
}

function stringIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : 'it cannot be read';
}
