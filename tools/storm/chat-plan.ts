/** What one request asks for, drawn from the seed, and what its answer has to be. */
import type { SeededRandom } from '@switchboard/testkit';

import type { ProfileName } from './agents.ts';

export interface ChatPlan {
  /** Sent as `x-request-id`; unique in the storm. */
  readonly id: string;
  readonly user: string;
  readonly model: string;
  readonly stream: boolean;
  /** The caller's message, which the simulator echoes: words that no other answer has. */
  readonly prompt: string;
  /** The whole answer. */
  readonly text: string;
  /** Milliseconds of a slot that it takes when nothing goes wrong. */
  readonly serviceMs: number;
  /** The client leaves so long after it has sent the request. */
  readonly leaveAfterMs: number | undefined;
}

/** A way in which the model fails, the profile it needs, and what it costs. */
interface Trouble {
  readonly weight: number;
  readonly profile: ProfileName;
  /** Added to the script; `words` is the number of words of the answer. */
  script(words: number): string;
  readonly extraMs: number;
}

const half = (words: number): number => Math.floor(words / 2);

const TROUBLES: readonly Trouble[] = [
  { weight: 30, profile: 'sim', extraMs: 150, script: () => 'error=429,retry_after=0.15,times=1' },
  { weight: 8, profile: 'sim', extraMs: 200, script: () => 'error=429,retry_after=0.1' },
  { weight: 20, profile: 'sim', extraMs: 250, script: () => 'error=500,times=1' },
  { weight: 6, profile: 'sim', extraMs: 750, script: () => 'error=500' },
  { weight: 6, profile: 'sim', extraMs: 0, script: () => 'error=400' },
  { weight: 15, profile: 'sim', extraMs: 0, script: (words) => `cut=${half(words)}` },
  { weight: 10, profile: 'sim', extraMs: 200, script: () => 'cut=0,times=1' },
  { weight: 10, profile: 'sim', extraMs: 0, script: (words) => `malformed=${half(words)}` },
  { weight: 5, profile: 'sim', extraMs: 0, script: (words) => `error_chunk=${half(words)}` },
  { weight: 12, profile: 'short', extraMs: 600, script: (words) => `stall=${half(words)}` },
  { weight: 6, profile: 'short', extraMs: 1_500, script: () => 'hang=1' },
];

const TROUBLE_SHARE = 0.12;
const IMPATIENT_SHARE = 0.05;
const LEAVE_SHARE = 0.15;
const THINK_MAX_MS = 400;
const WORDS_MAX = 40;
const PACE_MAX_MS = 20;

/** Draws one request. Every call takes the same number of draws, whatever it decides. */
export function drawChat(random: SeededRandom, id: string, user: string): ChatPlan {
  const words = random.int(0, WORDS_MAX);
  const thinkMs = random.int(0, THINK_MAX_MS);
  const paceMs = random.int(0, PACE_MAX_MS);
  const stream = random.next() < 0.65;
  const trouble = random.next() < TROUBLE_SHARE ? drawTrouble(random.next()) : skip(random);
  const impatient = random.next() < IMPATIENT_SHARE;
  const script = [`think=${thinkMs}`, `pace=${paceMs}`, 'text=echo'];
  if (words === 0) script.push('tokens=0');
  if (trouble !== undefined) script.push(trouble.script(words));
  const profile = trouble?.profile ?? (impatient ? 'impatient' : 'sim');
  const serviceMs = thinkMs + words * paceMs + (trouble?.extraMs ?? 0);
  const text = textOf(id, words);
  return {
    id,
    user,
    model: `${profile}/${script.join(',')}`,
    stream,
    prompt: text === '' ? 'nothing' : text,
    text,
    serviceMs,
    leaveAfterMs: drawLeave(random, serviceMs),
  };
}

/** Words that name their request and their place in it; one token of the simulator each. */
export function textOf(id: string, words: number): string {
  return Array.from({ length: words }, (_, index) => `${id}.${index}`).join(' ');
}

function drawTrouble(draw: number): Trouble | undefined {
  const total = TROUBLES.reduce((sum, { weight }) => sum + weight, 0);
  let left = draw * total;
  return TROUBLES.find(({ weight }) => (left -= weight) < 0);
}

function skip(random: SeededRandom): undefined {
  random.next();
}

/** A third of those who leave do so while the request is being sent or stored. */
function drawLeave(random: SeededRandom, serviceMs: number): number | undefined {
  const [leaves, early, when] = [random.next(), random.next(), random.next()];
  if (leaves >= LEAVE_SHARE) return undefined;
  return early < 0.33 ? when * 10 : when * (serviceMs * 1.2 + 50);
}
