import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  array,
  assert as assertProperty,
  constantFrom,
  float,
  oneof,
  property,
  string,
  tuple,
} from 'fast-check';

import { ScriptError } from './script-values.ts';
import { parseScript, scriptOf } from './script.ts';

describe('a script', () => {
  it('reads every kind of value', () => {
    const script = parseScript(
      'think=1.5s, tokens=12,pace=50ms,jitter=0.2,seed=7,text=echo,tool=weather,reasoning=3,' +
        'error=429,retry_after=0.25,times=2,finish=length',
    );
    assert.deepEqual(
      { ...script, source: '' },
      {
        source: '',
        thinkMs: 1_500,
        tokens: 12,
        paceMs: 50,
        jitter: { fraction: 0.2, ms: 0 },
        seed: 7,
        text: 'echo',
        tools: [['weather']],
        alwaysCalls: false,
        reasoningTokens: 3,
        fault: { kind: 'error', status: 429, retryAfterMs: 250 },
        faultTimes: 2,
        finish: 'length',
      },
    );
  });

  it('takes plain numbers for milliseconds and a jitter with a unit for a time', () => {
    const script = parseScript('think=300,jitter=20ms');
    assert.equal(script.thinkMs, 300);
    assert.deepEqual(script.jitter, { fraction: 0, ms: 20 });
  });

  it('leaves what is not named at nothing, so that the answer is instant', () => {
    const { thinkMs, paceMs, fault, tokens } = parseScript('seed=1');
    assert.deepEqual([thinkMs, paceMs, fault, tokens], [0, 0, undefined, 20]);
  });

  it('is the model name with or without sim/ in front, unless a header wins', () => {
    assert.equal(scriptOf('sim/think=2s', undefined).thinkMs, 2_000);
    assert.equal(scriptOf('think=2s', '').thinkMs, 2_000);
    assert.equal(scriptOf('think=2s', 'think=3s').thinkMs, 3_000);
    assert.equal(scriptOf('assistant', 'tokens=1').tokens, 1);
  });

  it('gives a model name without = a pleasant answer of 40 tokens', () => {
    for (const name of ['assistant', 'gpt-4o', 'sim/assistant']) {
      const { thinkMs, paceMs, tokens, text } = scriptOf(name, undefined);
      assert.deepEqual([thinkMs, paceMs, tokens, text], [300, 30, 40, 'chat']);
    }
  });

  it('takes a JSON object for the arguments of a call, with commas, braces and quotes in it', () => {
    const objects = [
      '{}',
      '{"city":"Paris","days":[1,2],"at":{"lat":1,"lon":2}}',
      String.raw`{"a":"},\"b=\"{","c":"\\"}`,
    ];
    for (const args of objects) {
      const script = parseScript(`tool=weather,args=${args},pace=5ms`);
      assert.deepEqual([script.tools, script.args, script.paceMs], [[['weather']], args, 5]);
    }
    assert.equal(parseScript('tool=weather,args=auto').args, undefined);
  });

  it('takes hang=0 and status_html=0 for no fault', () => {
    assert.equal(parseScript('hang=0,status_html=0').fault, undefined);
  });

  const bad: readonly (readonly [script: string, named: RegExp])[] = [
    ['thinkk=2s', /unknown key "thinkk"; known are think, tokens/],
    ['think', /think has no value/],
    ['think=', /think has no value/],
    ['think=1,', /unknown key ""/],
    ['think=1,think=2', /think is given twice/],
    ['think=2m', /think must be a time/],
    ['think=-1', /think must be a time/],
    ['pace=3601s', /pace must be a time/],
    ['tokens=1.5', /tokens must be a whole number/],
    ['tokens=100001', /tokens must be a whole number from 0 to 100000/],
    ['jitter=1.5', /jitter must be a number from 0 to 1/],
    ['jitter=5parsecs', /jitter must be a time/],
    ['seed=x', /seed must be a whole number/],
    ['text=poem', /text must be one of lorem, echo, chat, request, parts/],
    ['args=1', /args must be auto or a JSON object/],
    ['args=[1]', /args must be auto or a JSON object/],
    ['args={"a":1', /args must be auto or a JSON object/],
    ['args={"a":1},think', /think has no value/],
    ['error=418', /error must be one of 400, 401, 429, 500, 503/],
    ['error=429,retry_after=soon', /retry_after must be a number/],
    ['retry_after=1', /retry_after needs error/],
    ['times=1', /times needs a fault/],
    ['hang=yes', /hang must be one of 0, 1/],
    ['cut=1,stall=2', /only one fault a script, not cut and stall/],
    ['finish=done', /finish must be one of stop, length, content_filter/],
    [`think=${'1'.repeat(1_000)}`, /at most 1000 characters/],
  ];
  for (const [script, named] of bad) {
    it(`is refused with the culprit's name: ${script.slice(0, 40)}`, () => {
      assert.throws(
        () => parseScript(script),
        (error) => error instanceof ScriptError && named.test(error.message),
      );
    });
  }

  it('is never anything but read or refused, whatever the text', () => {
    const pair = tuple(
      constantFrom('think', 'tokens', 'jitter', 'cut', 'error', 'hang', 'constructor', 'x'),
      oneof(string(), float().map(String), constantFrom('2s', '20ms', '429', '1')),
    );
    const source = array(pair).map((pairs) => pairs.map((one) => one.join('=')).join(','));
    assertProperty(
      property(oneof(string(), source), (text) => {
        try {
          const { thinkMs, tokens } = parseScript(text);
          assert.ok(thinkMs >= 0 && thinkMs <= 3_600_000);
          assert.ok(tokens === undefined || Number.isInteger(tokens));
        } catch (error) {
          assert.ok(error instanceof ScriptError, String(error));
        }
      }),
      { verbose: true },
    );
  });
});
