/** One process after another is told to go by SIGTERM, and replaced. */
import type { Fleet } from './fleet.ts';
import type { Say } from './result.ts';

/** Returns what did not end with exit code 0. */
export async function restartGateways(fleet: Fleet, say: Say): Promise<string[]> {
  const bad: string[] = [];
  for (const [place, old] of [...fleet.gateways].entries()) {
    const startedAtMs = performance.now();
    const exit = await fleet.terminate(old);
    bad.push(...told(old.name, startedAtMs, exit, say));
    // On the port of the one before, so it can only begin now.
    await fleet.startGateway(place);
  }
  return bad;
}

/** The same for workers, of which the next one begins at once. */
export async function restartWorkers(fleet: Fleet, say: Say): Promise<string[]> {
  const bad: string[] = [];
  for (const [place, old] of [...fleet.workers].entries()) {
    const startedAtMs = performance.now();
    const [exit] = await Promise.all([fleet.terminate(old), fleet.startWorker(place)]);
    bad.push(...told(old.name, startedAtMs, exit, say));
  }
  return bad;
}

function told(name: string, startedAtMs: number, exit: string, say: Say): string[] {
  say(`${name} drained in ${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s: ${exit}`);
  return exit === 'exit code 0' ? [] : [`${name} ended with ${exit} after SIGTERM`];
}
