import { isCode, isTest, unitOf } from '../code-file.ts';
import type { Problem, RepositoryFile, Rule } from '../rule.ts';
import { importsOf } from '../source-text.ts';

const SCOPE = '@switchboard/';

/** What each part may import of ours. Everything points one way, so there are no circles. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'libs/contract': [],
  'libs/pool': [],
  'libs/transport': ['pool', 'contract'],
  'libs/platform': ['contract'],
  'libs/client': ['contract'],
  // Installed without us, by whoever writes an agent.
  'libs/agent': [],
  'libs/testkit': ['contract'],
  services: ['transport', 'platform', 'contract'],
  'services/agent-worker': ['agent', 'transport', 'platform', 'contract'],
  // They are copied out of here.
  examples: ['agent'],
  tools: ['contract', 'platform', 'command-line', 'external', 'stack', 'testkit', 'llm-simulator'],
  // Their agents are those of users.
  'tools/bench': ['agent', 'command-line', 'stack'],
  'tools/e2e': ['agent', 'contract', 'external', 'stack', 'testkit'],
  // Drills are what the client is for; the poison drill has agents of its own.
  'tools/drill': ['agent', 'client', 'command-line', 'stack', 'testkit'],
  // Dead letters are NATS's, and the transport is the way to it.
  'tools/dead-letters': ['transport', 'contract', 'platform', 'command-line'],
};
/** Besides, in tests: the harness, the launcher of real processes, and the double of a model. */
const IN_TESTS = ['testkit', 'stack', 'external', 'llm-simulator'];

/** Packages of others that only some folders may import. */
const RESERVED: readonly {
  readonly pattern: RegExp;
  readonly allowed: (path: string) => boolean;
  readonly message: string;
}[] = [
  {
    pattern: /^@nats-io\//,
    // The storm judges the transport, so it must not see NATS through it.
    allowed: (path) => path.startsWith('libs/transport/') || path === 'tools/storm/observer.ts',
    message: 'only libs/transport speaks to NATS',
  },
  {
    // In tests, tools and the client the SDK is the caller of the gateway, not the way to a model.
    pattern: /^openai($|\/)/,
    allowed: (path) =>
      path.startsWith('services/agent-worker/src/llm/') ||
      isTest(path) ||
      /^(libs\/client|tools|test|examples)\//.test(path),
    message: 'only services/agent-worker/src/llm speaks to model endpoints',
  },
  {
    pattern: /^@modelcontextprotocol\/sdk/,
    allowed: (path) => path.startsWith('services/agent-worker/src/mcp/') || isTest(path),
    message: 'only services/agent-worker/src/mcp speaks to MCP servers',
  },
  {
    pattern: /^prom-client($|\/)/,
    allowed: (path) => path.startsWith('libs/platform/src/metrics/'),
    message: 'only libs/platform/src/metrics makes metrics',
  },
  {
    pattern: /^@nestjs\//,
    allowed: (path) => /^(services|libs\/transport|libs\/platform)\//.test(path),
    message: 'Nest stays at the edge: services, libs/transport and libs/platform',
  },
  {
    pattern: /^(?!node:|@switchboard\/|\.)/,
    allowed: (path) => !/^libs\/(pool|agent)\//.test(path) || isTest(path),
    message: 'libs/pool and libs/agent depend on nothing',
  },
  {
    pattern: /^(?!node:|@switchboard\/|\.|zod$)/,
    allowed: (path) => !path.startsWith('libs/contract/') || isTest(path),
    message: 'libs/contract depends on zod only',
  },
];

function allowedFor(path: string): readonly string[] | undefined {
  const unit = unitOf(path) ?? path.split('/')[0] ?? '';
  const base = ALLOWED[unit] ?? ALLOWED[unit.split('/')[0] ?? ''];
  if (path.startsWith('test/')) return undefined;
  return isTest(path) ? [...(base ?? []), ...IN_TESTS] : base;
}

function refusal(path: string, specifier: string): string | undefined {
  const reserved = RESERVED.find(
    ({ pattern, allowed }) => pattern.test(specifier) && !allowed(path),
  );
  if (reserved !== undefined) return `${specifier}: ${reserved.message}`;
  if (!specifier.startsWith(SCOPE)) return undefined;
  const name = specifier.slice(SCOPE.length).split('/')[0] ?? '';
  const allowed = allowedFor(path);
  const own = unitOf(path)?.split('/')[1];
  if (allowed === undefined || allowed.includes(name) || name === own) return undefined;
  const list = allowed.length === 0 ? 'nothing of ours' : allowed.join(', ');
  return `${specifier}: this folder may import ${list}`;
}

function problemsOf(file: RepositoryFile): Problem[] {
  return importsOf(file.text).flatMap(({ specifier, line }) => {
    const message = refusal(file.path, specifier);
    return message === undefined ? [] : [{ path: file.path, line, message }];
  });
}

export const importDirections: Rule = {
  name: 'import-directions',
  why: 'Imports that point one way keep each layer testable without the ones above it.',
  check: (files) => files.filter(({ path }) => isCode(path)).flatMap(problemsOf),
};
