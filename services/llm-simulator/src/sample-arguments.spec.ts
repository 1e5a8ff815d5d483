import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { assert as assertProperty, jsonValue, property } from 'fast-check';

import { sampleArguments } from './sample-arguments.ts';

function sampled(schema: unknown): unknown {
  return JSON.parse(sampleArguments(schema));
}

describe('sample arguments', () => {
  it('fit types, choices, constants, defaults and nesting', () => {
    const schema = {
      type: 'object',
      properties: {
        city: { type: 'string' },
        unit: { enum: ['celsius', 'kelvin'] },
        days: { type: 'integer', minimum: 3 },
        kind: { const: 'forecast' },
        lang: { type: 'string', default: 'en' },
        note: { type: ['null', 'string'] },
        where: { anyOf: [{ type: 'null' }, { type: 'string' }] },
        at: { properties: { lat: { type: 'number' } } },
        tags: { type: 'array', items: { type: 'boolean' } },
        rest: { type: 'array' },
      },
    };
    assert.deepEqual(sampled(schema), {
      city: 'simulated value',
      unit: 'celsius',
      days: 3,
      kind: 'forecast',
      lang: 'en',
      note: 'simulated value',
      where: null,
      at: { lat: 1 },
      tags: [true],
      rest: [],
    });
  });

  it('follow local references, also escaped ones', () => {
    const schema = {
      type: 'object',
      properties: { a: { $ref: '#/$defs/a~1b' }, b: { $ref: 'https://example.com/b' } },
      $defs: { 'a/b': { type: 'boolean' } },
    };
    assert.deepEqual(sampled(schema), { a: true, b: 'simulated value' });
  });

  it('end, however often a schema refers to itself', () => {
    const names = Array.from({ length: 20 }, (_, index) => `child${index}`);
    const node = { $ref: '#' };
    const schema = {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, node])),
    };
    assert.ok(sampleArguments(schema).length < 100_000);
    const circle = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } };
    assert.deepEqual(sampled(circle), {});
  });

  it('are a JSON object whatever the schema is', () => {
    assert.deepEqual(sampled(undefined), {});
    assert.deepEqual(sampled({ type: 'string' }), {});
    assertProperty(
      property(jsonValue(), (schema) => {
        const value = sampled(schema);
        assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value));
      }),
      { verbose: true },
    );
  });
});
