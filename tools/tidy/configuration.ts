/** The page of all options, from the declarations in the services' config.ts. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { configurationTable } from '@switchboard/platform/config';
import type { Options } from '@switchboard/platform/config';
import { ROOT } from './repository.ts';
import type { Problem, RepositoryFile } from './rule.ts';

const CONFIG = /^services\/([^/]+)\/src\/config\.ts$/;

const INTRODUCTION = `# Configuration

Every service reads its environment once, when it starts, and refuses to start with a list of all
problems when something is wrong. An empty variable counts as unset. A secret can also be given as
the path of a file that holds it. This page is generated from the declarations in the services'
\`config.ts\`; change them there, then run \`node tools/tidy/write-configuration.ts\`.
`;

export interface ConfigurationPage {
  /** Undefined when a declaration could not be read. */
  readonly text: string | undefined;
  readonly problems: readonly Problem[];
}

/** The page that the declarations give now. Importing a config.ts must not read the environment. */
export async function renderConfiguration(
  files: readonly RepositoryFile[],
): Promise<ConfigurationPage> {
  const sections: string[] = [];
  const problems: Problem[] = [];
  for (const { path } of files) {
    const service = CONFIG.exec(path)?.[1];
    if (service === undefined) continue;
    const declared = await readDeclarations(path);
    if (typeof declared === 'string') problems.push({ path, line: 1, message: declared });
    else sections.push(`## ${service}\n\n${configurationTable(declared)}\n`);
  }
  const text = problems.length > 0 ? undefined : [INTRODUCTION, ...sections].join('\n');
  return { text, problems };
}

/** The exported options, all together, or why there are none. */
async function readDeclarations(path: string): Promise<Options | string> {
  let exported: object;
  try {
    exported = await import(pathToFileURL(join(ROOT, path)).href);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : 'unknown';
    return `cannot be imported (build the libraries first): ${reason}`;
  }
  const found = Object.entries(exported).flatMap(([name, value]) =>
    /options$/i.test(name) && isOptions(value) ? [value] : [],
  );
  if (found.length === 0) return 'exports no ..._OPTIONS made by defineOptions()';
  return Object.assign({}, ...found);
}

function isOptions(value: unknown): value is Options {
  if (typeof value !== 'object' || value === null) return false;
  const options = Object.values(value);
  return (
    options.length > 0 && options.every((one) => hasText(one, 'doc') && hasText(one, 'expected'))
  );
}

function hasText(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, key) === 'string';
}
