/** The thread of the watchdog (`watchdog.ts`): all it shares with the main thread is one number. */
import { writeSync } from 'node:fs';
import { type Debugger, Session } from 'node:inspector';
import { workerData } from 'node:worker_threads';
import { EXIT_BLOCKED } from './exit-codes.ts';
import type { WatchdogData } from './watchdog.ts';

const { beats, missedMax, lookMs, name } = workerData as WatchdogData;
const beat = new Int32Array(beats);

/**
 * V8 stops a loop in microseconds, but tells of every script first, and never stops what runs
 * outside of it.
 */
const PAUSE_MS = 3_000;
const FRAMES_MAX = 8;
const FRAME_LENGTH_MAX = 200;

let last = Atomics.load(beat, 0);
let missed = 0;
const looking = setInterval(() => {
  const now = Atomics.load(beat, 0);
  missed = now === last ? missed + 1 : 0;
  last = now;
  if (missed < missedMax) return;
  clearInterval(looking);
  endProcess();
}, lookMs);

/** As an exit of the main thread, wherever that stands in JavaScript; else by force. */
function endProcess(): void {
  const timer = setTimeout(() => {
    say('outside of JavaScript');
    process.kill(process.pid, 'SIGKILL');
  }, PAUSE_MS);
  try {
    const session = new Session();
    session.connectToMainThread();
    // A frame names its script by number.
    const files = new Map<string, string>();
    session.on('Debugger.scriptParsed', ({ params }) => files.set(params.scriptId, params.url));
    session.on('Debugger.paused', ({ params }) => {
      clearTimeout(timer);
      say(params.callFrames.slice(0, FRAMES_MAX).map((frame) => frameText(frame, files)));
      session.post('Runtime.evaluate', { expression: `process.reallyExit(${EXIT_BLOCKED})` });
    });
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  } catch {
    // A Node without an inspector: the timer does it, and the line says less.
  }
}

/** Function and place, never a value. */
function frameText(
  { functionName, location }: Debugger.CallFrame,
  files: ReadonlyMap<string, string>,
): string {
  const url = files.get(location.scriptId) ?? '';
  // A module may be its own text, as an address.
  const file = url.startsWith('data:') ? 'data:' : url;
  const place = `${file}:${location.lineNumber + 1}`;
  return `${functionName || '(anonymous)'} ${place}`.slice(0, FRAME_LENGTH_MAX);
}

function say(blockedAt: string | readonly string[]): void {
  const line = JSON.stringify({
    level: 'fatal',
    time: new Date().toISOString(),
    name,
    pid: process.pid,
    blockedMs: missedMax * lookMs,
    blockedAt,
    msg: 'the main thread is blocked: ending the process',
  });
  try {
    writeSync(1, `${line}\n`);
  } catch {
    // Nobody reads it, or not fast enough. The process ends all the same.
  }
}
