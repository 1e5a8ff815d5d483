/**
 * Makes ready what `npm run test:real` needs: nothing when OPENAI_BASE_URL names an endpoint, else
 * a model server of this machine's own. Exits with 3 when that cannot be had here.
 */
import { pythonEnvironment } from '@switchboard/external';

import { LLAMA_PACKAGES } from './llama-packages.ts';

const UNAVAILABLE = 3;
const HELP = 'it takes Python 3.10 to 3.13 and a compiler of C++. Or set OPENAI_BASE_URL.';

if (process.env['OPENAI_BASE_URL'] === undefined) {
  const environment = await pythonEnvironment(LLAMA_PACKAGES);
  if ('missing' in environment) {
    process.stderr.write(`No model server (${environment.missing}): ${HELP}\n`);
    process.exitCode = UNAVAILABLE;
  }
}
