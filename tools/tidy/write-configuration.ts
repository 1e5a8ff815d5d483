/** Writes docs/configuration.md: `node tools/tidy/write-configuration.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderConfiguration } from './configuration.ts';
import { readRepository, ROOT } from './repository.ts';
import { PAGE } from './rules/configuration-page.ts';

const { text, problems } = await renderConfiguration(readRepository());
if (text === undefined) {
  for (const { path, line, message } of problems) {
    process.stderr.write(`${path}:${line} ${message}\n`);
  }
  process.exitCode = 1;
} else {
  const path = join(ROOT, PAGE);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  process.stdout.write(`${PAGE} written\n`);
}
