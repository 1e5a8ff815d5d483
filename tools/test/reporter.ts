/** A reporter of Node's test runner: tells the launcher what happens, one line each. */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

import { writeMessage } from './test-event.ts';
import type { TestMessage } from './test-event.ts';

const ERROR_LENGTH_MAX = 20_000;

// Node's test runner loads a reporter's default export.
// oxlint-disable-next-line import/no-default-export
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const message = read(event);
    if (message !== undefined) yield writeMessage(message);
  }
}

function read(event: TestEvent): TestMessage | undefined {
  if (event.type === 'test:dequeue') return { kind: 'begun' };
  if (event.type === 'test:complete') return { kind: 'ended' };
  if (event.type === 'test:pass') {
    const { name, details, skip, todo } = event.data;
    if (details.type === 'suite') return undefined;
    const left = skip !== undefined || todo !== undefined;
    return { kind: 'result', outcome: left ? 'skipped' : 'passed', name };
  }
  if (event.type === 'test:fail') {
    const { name, details } = event.data;
    const { error } = details;
    // Its subtests have reported themselves.
    if ('failureType' in error && error.failureType === 'subtestsFailed') return undefined;
    const text = typeof error.cause === 'string' ? error.cause : inspect(error.cause ?? error);
    return { kind: 'result', outcome: 'failed', name, error: text.slice(0, ERROR_LENGTH_MAX) };
  }
  return undefined;
}
