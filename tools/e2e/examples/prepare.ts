/** Installs the packages of every example, and checks the types of those that are code. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { EXAMPLES, exampleNames, installExample } from './install-example.ts';

// One after the other: npm takes both cores for one.
for (const name of exampleNames()) await installExample(name);
const tsc = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));
execFileSync(tsc, ['-p', EXAMPLES], { stdio: 'inherit' });
