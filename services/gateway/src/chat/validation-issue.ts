/** zod's issues as one sentence for a caller. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** The first problem, with the field as a path: `messages[0].content[1].text`. */
export function describeIssues(issues: readonly Issue[]): { param: string; message: string } {
  const [first] = issues;
  if (first === undefined) throw new TypeError('no issues');
  const issue = deepest(first);
  const param = pathOf(issue.path);
  return { param, message: `\`${param}\` ${reason(issue)}.` };
}

/**
 * Inside a union the branch that came furthest is the one the caller meant: for an array of parts
 * with a mistake in its second part, "must be a string" would help nobody.
 */
function deepest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  let best: Issue | undefined;
  for (const branch of issue.errors) {
    const [first] = branch;
    if (first === undefined) continue;
    const found = deepest(first);
    const candidate = { ...found, path: [...issue.path, ...found.path] };
    if (best === undefined || isNearer(candidate, best)) best = candidate;
  }
  return best ?? issue;
}

/** A list that is too long came further than anything that is no list. */
function isNearer(candidate: Issue, best: Issue): boolean {
  if (candidate.path.length !== best.path.length) return candidate.path.length > best.path.length;
  return best.code === 'invalid_type' && candidate.code === 'too_big';
}

function pathOf(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}

function reason(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.message.startsWith('must ')) return issue.message;
      if (issue.message.endsWith('received undefined')) return 'is required';
      return `must be ${article(issue.expected)}`;
    case 'invalid_value':
      if (issue.message.startsWith('must ')) return issue.message;
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_union':
      return issue.message.startsWith('must ') ? issue.message : 'is not valid';
    case 'too_small':
      if (issue.origin === 'number') return `must be at least ${issue.minimum}`;
      return issue.origin === 'int' ? 'must be an integer' : 'must not be empty';
    case 'too_big':
      if (issue.origin === 'array') return `must have at most ${issue.maximum} entries`;
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
      return `must be at most ${issue.maximum}`;
    case 'custom':
      return issue.message;
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      break;
  }
  return 'is not valid';
}

function article(expected: string): string {
  if (expected === 'int') return 'an integer';
  if (expected === 'record') return 'an object';
  return `${/^[aeiou]/.test(expected) ? 'an' : 'a'} ${expected}`;
}
