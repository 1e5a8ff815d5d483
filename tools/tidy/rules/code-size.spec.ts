import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { codeSize } from './code-size.ts';

const lines = (count: number, text = '  x();') => Array.from({ length: count }, () => text);
const numbers = (text: string, path = 'libs/a/src/a.ts') =>
  problemsIn(codeSize, { [path]: text }).map((line) => line.replace(/^.*?:/, ''));

test('400 lines a file, 500 a spec, 100 columns and 70 lines a function are fine', () => {
  assert.deepEqual(numbers(`${lines(400).join('\n')}\n`), []);
  assert.deepEqual(numbers(`${lines(500).join('\n')}\n`, 'libs/a/src/a.spec.ts'), []);
  assert.deepEqual(numbers('x'.repeat(100)), []);
  assert.deepEqual(numbers(['function a() {', ...lines(68), '}'].join('\n')), []);
  assert.deepEqual(numbers('x'.repeat(1000), 'docs/a.md'), []);
});

test('one line more is a problem', () => {
  assert.deepEqual(numbers(lines(401).join('\n')), ['401 401 lines; at most 400 a file']);
  assert.deepEqual(numbers(lines(501).join('\n'), 'libs/a/src/a.spec.ts'), [
    '501 501 lines; at most 500 a file',
  ]);
  assert.deepEqual(numbers(`\n${'x'.repeat(101)}`), ['2 101 columns; at most 100 a line']);
});

test('every form of a function is measured, from the first line of its signature', () => {
  const signatures = [
    ['export async function a(b: string): Promise<void> {'],
    ['export function a(', '  b: string,', '): Promise<{ c: string }> {'],
    ['const a = async (b) => {'],
    ["on('x', function () {"],
    ['async #a(b: string): Promise<void> {'],
    ['get a(): number {'],
  ];
  for (const signature of signatures) {
    const body = lines(70 - signature.length);
    const text = ['', ...signature, ...body, '}'].join('\n');
    assert.deepEqual(numbers(text), ['2 71 lines; at most 70 a function'], signature.join(' '));
  }
});

test('long classes, conditions and groups of tests are no long functions', () => {
  for (const opening of [
    'class A {',
    'export class A extends B {',
    'if (a(b)) {',
    '} else if (a) {',
    'for (const a of b()) {',
    'interface A {',
    'const a = {',
    "describe('a', () => {",
  ]) {
    assert.deepEqual(numbers([opening, ...lines(100), '}'].join('\n')), [], opening);
  }
  const condition = ['if (', '  a', ') {', ...lines(100), '}'].join('\n');
  assert.deepEqual(numbers(condition), []);
});

test('a line with an address, or with the sentence of a test, may be longer', () => {
  assert.deepEqual(numbers(`// https://example.org/${'x'.repeat(100)}`), []);
  assert.deepEqual(numbers(`test('${'x'.repeat(100)}', () => {});`), []);
});
