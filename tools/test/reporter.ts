/** A reporter of Node's test runner: tells the launcher about each test, one JSON line each. */
import { inspect } from 'node:util';
import type { EventData, TestEvent } from 'node:test/reporters';

import type { TestResult } from './test-event.ts';

const ERROR_LENGTH_MAX = 20_000;

// Node's test runner loads a reporter's default export.
// oxlint-disable-next-line import/no-default-export
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const stderr = new Map<string, string>();
  for await (const event of events) {
    if (event.type === 'test:stderr') {
      const { file, message } = event.data;
      stderr.set(file, ((stderr.get(file) ?? '') + message).slice(-ERROR_LENGTH_MAX));
    }
    const result = read(event, stderr);
    if (result !== undefined) yield `${JSON.stringify(result)}\n`;
  }
}

/** The result an event stands for; undefined for events that are not one test's end. */
function read(event: TestEvent, stderr: ReadonlyMap<string, string>): TestResult | undefined {
  if (event.type === 'test:pass') return passed(event.data);
  if (event.type === 'test:fail') return failed(event.data, stderr);
  return undefined;
}

function passed(data: EventData.TestPass): TestResult | undefined {
  if (data.details.type === 'suite') return undefined;
  const test = { name: data.name, file: data.file ?? '' };
  // The runner lets a file without a test pass under its own name; such a file tests nothing.
  if (isWholeFile(data)) return { ...test, outcome: 'failed', error: 'The file has no tests.' };
  const left = data.skip !== undefined || data.todo !== undefined;
  return { ...test, outcome: left ? 'skipped' : 'passed' };
}

function failed(
  data: EventData.TestFail,
  stderr: ReadonlyMap<string, string>,
): TestResult | undefined {
  const { error } = data.details;
  const kind = 'failureType' in error ? error.failureType : undefined;
  // The subtests have reported themselves.
  if (kind === 'subtestsFailed') return undefined;
  const file = data.file ?? '';
  const output = isWholeFile(data) ? (stderr.get(file) ?? '') : '';
  const text = typeof error.cause === 'string' ? error.cause : inspect(error.cause ?? error);
  return {
    outcome: 'failed',
    name: data.name,
    file,
    error: [text, output].join('\n').trim().slice(0, ERROR_LENGTH_MAX),
  };
}

/** True for an event about a file's process, which no test in the file has sent. */
function isWholeFile(data: EventData.TestPass | EventData.TestFail): boolean {
  return data.entryFile === undefined;
}
