/** Where agents come from: the file that AGENTS_FILE names, or the built-in ones. */
import { readFileSync, statSync } from 'node:fs';
import { AgentProfile, AgentsFile } from '@switchboard/contract';
import { LineCounter, parseDocument } from 'yaml';
import { ConfigError } from './config-error.ts';
import { fileErrorCode } from './read-config.ts';

/** A profile file larger than this is a mistake (bytes). */
export const AGENTS_FILE_MAX_BYTES = 1024 * 1024;
/** Problems shown of one file: a file of another kind would have thousands. */
const PROBLEMS_MAX = 20;

/** The variable that names the file; problems begin with it. */
export const AGENTS_FILE = 'AGENTS_FILE';

/**
 * What the YAML file at `path` says, or the agents `builtIn` without one. Throws
 * {@link ConfigError} like {@link readAgents}.
 */
export function loadAgentsFile(
  path: string | undefined,
  builtIn: readonly AgentProfile[],
): AgentsFile {
  return path === undefined ? agentsWithoutFile(builtIn) : readAgents(readBounded(path));
}

export function agentsWithoutFile(builtIn: readonly AgentProfile[]): AgentsFile {
  return { agents: [...builtIn], providers: [], mcp_servers: [] };
}

/**
 * What the text of an agents' file says. Throws {@link ConfigError} with every problem by its place
 * (`agents[1].timeout: ...`); what the file says is never shown, because instructions are nobody
 * else's business.
 */
export function readAgents(text: string): AgentsFile {
  const parsed = AgentsFile.safeParse(parseYaml(text));
  if (parsed.success) return parsed.data;
  throw fileProblems(
    parsed.error.issues.map(({ path: keys, message }) => {
      const place = pathText(keys);
      return place === '' ? message : `${place}: ${message}`;
    }),
  );
}

/**
 * The profiles of an installation without a file: `assistant`, and `sim/*` when the provider is the
 * simulator, so that a caller can script it by model name. `model` is the provider's model of
 * `assistant` (OPENAI_MODEL); a name that begins with `sim/`, as the default does, means the
 * simulator unless `simulator` says otherwise.
 */
export function builtInProfiles(
  settings: { readonly model?: string | undefined; readonly simulator?: boolean } = {},
): readonly AgentProfile[] {
  const model = settings.model ?? 'sim/assistant';
  const assistant = AgentProfile.parse({
    name: 'assistant',
    description: 'Answers with the configured model.',
    model,
  });
  if (!(settings.simulator ?? model.startsWith('sim/'))) return Object.freeze([assistant]);
  const scripted = AgentProfile.parse({
    name: 'sim/*',
    description: 'The simulator, scripted by the rest of the name: sim/think=2s,tokens=20.',
    model: '*',
  });
  return Object.freeze([assistant, scripted]);
}

function readBounded(path: string): string {
  try {
    if (statSync(path).size > AGENTS_FILE_MAX_BYTES) {
      throw fileProblems([`the file is larger than ${AGENTS_FILE_MAX_BYTES} bytes`]);
    }
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof ConfigError) throw thrown;
    throw fileProblems([`the file cannot be read (${fileErrorCode(thrown)})`]);
  }
}

function parseYaml(text: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw fileProblems(
      document.errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        // The parser's own message may quote the file; its code does not.
        return `line ${line}, column ${col}: ${error.code.toLowerCase().replaceAll('_', ' ')}`;
      }),
    );
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    // Unknown aliases, or too many of them; the message may quote the file.
    throw fileProblems(['an alias in the file cannot be resolved']);
  }
}

function fileProblems(lines: readonly string[]): ConfigError {
  const shown = lines.slice(0, PROBLEMS_MAX).map((line) => `${AGENTS_FILE}: ${line}`);
  const more = lines.length - shown.length;
  return new ConfigError(more > 0 ? [...shown, `${AGENTS_FILE}: and ${more} more`] : shown);
}

/** `['agents', 1, 'timeout']` as `agents[1].timeout`. */
function pathText(keys: readonly PropertyKey[]): string {
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}
