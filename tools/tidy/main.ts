/** The repository's test of itself: `node tools/tidy/main.ts`. Exits with 1 if a rule is broken. */
import { renderConfiguration } from './configuration.ts';
import { report } from './report.ts';
import { readRepository } from './repository.ts';
import { configurationPage } from './rules/configuration-page.ts';
import { FILE_RULES } from './rules/index.ts';

const files = readRepository();
const { text, problems } = await renderConfiguration(files);
const rules = [...FILE_RULES, configurationPage(text, problems)];
const lines = report(rules, files);

if (lines.length === 0) {
  process.stdout.write(`tidy: ${rules.length} rules hold over ${files.length} files\n`);
} else {
  const broken = rules.filter(({ name }) => lines.some((line) => line.includes(` ${name}: `)));
  const reasons = broken.map(({ name, why }) => `  ${name}: ${why}`);
  const count = lines.length === 1 ? 'one problem' : `${lines.length} problems`;
  process.stdout.write(`${[...lines, '', `tidy: ${count}`, ...reasons].join('\n')}\n`);
  process.exitCode = 1;
}
