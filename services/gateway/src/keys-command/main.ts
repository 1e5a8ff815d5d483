/** `npm run keys`: makes, lists, disables and removes API keys of the gateway. */
import { readKeysFilePath } from '../config.ts';
import { USAGE, UsageError, readCommandLine } from './command-line.ts';
import { KeyStore, KeyStoreError } from './key-store.ts';
import { runKeys } from './run-keys.ts';

const DEFAULT_FILE = 'keys.json';

async function main(): Promise<void> {
  const line = readCommandLine(process.argv.slice(2));
  if (line === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  const path = line.file ?? readKeysFilePath() ?? DEFAULT_FILE;
  const { stdout, stderr } = await runKeys(new KeyStore({ path }), line.command, Date.now());
  process.stderr.write(stderr);
  process.stdout.write(stdout);
}

try {
  await main();
} catch (thrown) {
  if (thrown instanceof UsageError) {
    process.stderr.write(`${thrown.message}\n\n${USAGE}`);
    process.exitCode = 2;
  } else if (thrown instanceof KeyStoreError) {
    process.stderr.write(`${thrown.message}\n`);
    process.exitCode = 1;
  } else {
    throw thrown;
  }
}
