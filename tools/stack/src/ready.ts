import { setTimeout as delay } from 'node:timers/promises';

const READY_TIMEOUT_MS = 30_000;
const LOOK_MS = 50;

/** Waits until `/readyz` says so: a service listens before NATS has answered it. */
export async function untilReady(url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
    const response = await fetch(`${url}/readyz`, { signal }).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok === true) return;
    if (performance.now() > deadlineMs) throw new Error(`${url} did not get ready in time`);
    await delay(LOOK_MS);
  }
}
