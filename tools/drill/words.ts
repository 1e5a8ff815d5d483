/** Words that name their answer and their place in it: one token of the simulator each. */

const PACE_MS = 400;

/** What to ask a model that echoes for, so that its answer takes so long. */
export function echoOf(id: string, seconds: number): { script: string; text: string } {
  const text = wordsOf(id, Math.ceil((seconds * 1_000) / PACE_MS));
  return { script: `text=echo,pace=${PACE_MS}`, text };
}

export function wordsOf(id: string, count: number): string {
  return Array.from({ length: count }, (_, index) => `${id}.${index}`).join(' ');
}

/** How often a word came more than once. */
export function repeatedWords(text: string): number {
  const words = text.split(' ').filter((word) => word !== '');
  return words.length - new Set(words).size;
}

/** Where a text stops being the expected one. */
export function difference(expected: string, found: string): string {
  let at = 0;
  while (at < found.length && expected[at] === found[at]) at += 1;
  const around = (text: string): string =>
    JSON.stringify(text.slice(Math.max(0, at - 10), at + 20));
  const lengths = `${found.length} of ${expected.length} characters`;
  return `${lengths}, from character ${at} on ${around(found)} instead of ${around(expected)}`;
}
