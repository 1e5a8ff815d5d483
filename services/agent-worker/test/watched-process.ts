/** A process under a watchdog of 2 s that is blocked in some way. `<way>` */
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { startWatchdog } from '../src/watchdog/watchdog.ts';

const WAYS: Readonly<Record<string, () => void>> = {
  'a loop': function spin() {
    for (;;);
  },
  'promises that never let go': () => {
    const again = (): Promise<void> => Promise.resolve().then(again);
    void again();
  },
  'an expression': () => /^(a+)+$/.test(`${'a'.repeat(64)}b`),
  'a system call': () => execFileSync('sleep', ['60']),
  nothing: () => undefined,
};

startWatchdog({
  afterMs: 2_000,
  name: 'watched',
  log: {
    error: (fields, message) => process.stdout.write(`${message} ${JSON.stringify(fields)}\n`),
  },
});
process.stdout.write('ready\n');
// The first beat has come by then.
await delay(1_100);
WAYS[process.argv[2] ?? '']?.();
for (;;) {
  process.stdout.write('alive\n');
  await delay(250);
}
