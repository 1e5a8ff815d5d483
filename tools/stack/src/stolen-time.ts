import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second here, whatever the kernel's own tick (proc(5)). */
const TICKS_PER_SECOND = 100;
/** user nice system idle iowait irq softirq steal */
const STEAL_COLUMN = 7;

/**
 * Seconds, over all cores and since the machine started, in which a virtual machine had something
 * to run but its host gave the core to somebody else. 0 where the system does not tell.
 */
export function stolenSeconds(): number {
  try {
    const [, ...columns] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/ +/) ?? [];
    return Number(columns[STEAL_COLUMN] ?? 0) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}
