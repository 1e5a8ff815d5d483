/** Which files are code, tests and packages, by their paths. */
import type { RepositoryFile } from './rule.ts';

/** TypeScript and JavaScript. */
export function isCode(path: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(path) && !path.endsWith('.d.ts');
}

export function isSpec(path: string): boolean {
  return path.endsWith('.spec.ts');
}

/** Specs, and the folder `test` of a package: harnesses and what needs a process. */
export function isTest(path: string): boolean {
  return isSpec(path) || /^(libs|services|tools)\/[^/]+\/test\//.test(path);
}

/** `libs/pool` of `libs/pool/src/index.ts`; undefined for files of no such folder. */
export function unitOf(path: string): string | undefined {
  return /^((?:libs|services|tools)\/[^/]+)\//.exec(path)?.[1];
}

export interface Package {
  /** Its folder; empty for the root. */
  readonly folder: string;
  readonly name: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** The packages of the repository. A package.json that is no JSON counts as an empty one. */
export function packagesOf(files: readonly RepositoryFile[]): Package[] {
  return files
    .filter((file) => /(^|\/)package\.json$/.test(file.path))
    .map((file) => {
      const json = parseObject(file.text);
      const name = typeof json['name'] === 'string' ? json['name'] : '';
      return { folder: file.path.replace(/\/?package\.json$/, ''), name, json };
    });
}

/** The package that a file belongs to: that of the nearest package.json above it. */
export function packageOf(path: string, packages: readonly Package[]): Package | undefined {
  return packages
    .filter(({ folder }) => folder === '' || path.startsWith(`${folder}/`))
    .toSorted((a, b) => b.folder.length - a.folder.length)[0];
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Every tool that reads the file says what is wrong with it, better than this one could.
    return {};
  }
}
