import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkDepth, DEPTH_MAX } from './json-depth.ts';

/** By the text: how many are open at once. */
function depthOf(text: string): number {
  let [open, most] = [0, 0];
  for (const sign of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (sign === '{' || sign === '[') open += 1;
    else if (sign === '}' || sign === ']') open -= 1;
    most = Math.max(most, open);
  }
  return most;
}

describe('the depth of a body', () => {
  it('is what the brackets say, whatever else is in it', () => {
    const levels = fc.integer({ min: DEPTH_MAX - 3, max: DEPTH_MAX + 3 });
    const kinds = fc.infiniteStream(fc.boolean());
    fc.assert(
      fc.property(levels, kinds, fc.jsonValue({ maxDepth: 2 }), (depth, lists, leaf) => {
        let value: unknown = leaf;
        for (let level = 0; level < depth; level += 1) {
          value = lists.next().value ? [0, value, 'x'] : { a: 'y', b: value };
        }
        const isDeep = depthOf(JSON.stringify(value)) > DEPTH_MAX;
        const check = (): void => checkDepth(value);
        if (isDeep) assert.throws(check, { code: 'invalid_request' });
        else check();
      }),
    );
  });

  it('is refused with the field that is too deep, and without one that is no plain name', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`);
    assert.throws(() => checkDepth({ a: 1, tools: deep }), { param: 'tools' });
    assert.throws(() => checkDepth({ 'a\r\nb': deep }), { param: undefined });
    assert.throws(() => checkDepth(deep), { param: undefined });
  });

  it('needs no deep stack for any depth that can be parsed', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(500_000)}${']'.repeat(500_000)}`);
    assert.throws(() => checkDepth({ deep }), { code: 'invalid_request' });
  });
});
