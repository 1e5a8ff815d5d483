/** What `pnpm audit --json` says, as one of three outcomes. */
export interface AuditVerdict {
  readonly outcome: 'passed' | 'failed' | 'not run';
  /** For people, without the name of the check. */
  readonly text: string;
}

interface Advisory {
  readonly severity?: string;
  readonly module_name?: string;
  readonly title?: string;
}

interface Report {
  readonly advisories?: Readonly<Record<string, Advisory>>;
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
}

const GRAVE = ['high', 'critical'];

/** Only a whole report counts; an index that cannot be asked has said nothing, good or bad. */
export function auditVerdict(output: string): AuditVerdict {
  const report = parse(output);
  const found = report?.metadata?.vulnerabilities;
  if (found === undefined) return { outcome: 'not run', text: reasonIn(output) };
  const list = Object.values(report?.advisories ?? {});
  const grave = list.filter(({ severity = '' }) => GRAVE.includes(severity));
  const count = Math.max(grave.length, (found['high'] ?? 0) + (found['critical'] ?? 0));
  const total = Object.values(found).reduce((sum, number) => sum + number, 0);
  if (count === 0) return { outcome: 'passed', text: `no grave advisories, ${total} others` };
  const names = grave.map(({ severity, module_name: name, title }) => {
    return `  ${severity} ${name}: ${title}`;
  });
  return { outcome: 'failed', text: [`${count} grave advisories`, ...names].join('\n') };
}

function parse(output: string): Report | undefined {
  try {
    const value: unknown = JSON.parse(output);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The error's own words on one line; addresses of registries are nobody's business in a log. */
function reasonIn(output: string): string {
  const words = output.replaceAll(/[×│\s]+/g, ' ').replaceAll(/\s*\(at https?:.*?\)/g, '');
  const reason = words.trim().slice(0, 200);
  return reason === '' ? 'pnpm audit printed nothing' : reason;
}
