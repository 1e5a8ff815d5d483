/** Limits of keys, exact over two gateways: on one nats-server, and on three. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import type { Answer } from '../chat.ts';
import { earlyInMinute, LimitedKeys } from '../limited-keys.ts';
import type { Verdict } from '../limited-keys.ts';

const QUICK = 'sim/tokens=1';
/** Longer than any test: it is cancelled. */
const ENDLESS = 'sim/think=300s,tokens=1';
const LIMIT = 50;
const AT_ONCE = 200;

type Answered = Verdict | Answer;
const codeOf = (one: Answered): string | undefined => ('code' in one ? one.code : one.error?.code);
const accepted = (verdicts: readonly { readonly status: number }[]): number =>
  verdicts.filter(({ status }) => status === 200).length;
const refused = <T extends { readonly status: number }>(verdicts: readonly T[]): readonly T[] =>
  verdicts.filter(({ status }) => status !== 200);

for (const servers of [1, 3]) {
  describe(`on ${servers} nats-server${servers === 1 ? '' : 's'}`, () => {
    let keys: LimitedKeys;
    before(async () => {
      keys = await LimitedKeys.start(
        {
          minute: ['--rpm', String(LIMIT)],
          outstanding: ['--outstanding', String(LIMIT)],
        },
        { nats: { servers }, poolSize: 20 },
      );
    });
    after(async () => await keys[Symbol.asyncDispose]());

    it('exactly 50 of 200 requests at once get in where 50 are allowed in a minute', async () => {
      await earlyInMinute();
      const answers = await keys.chats('minute', AT_ONCE, QUICK);
      assert.equal(accepted(answers), LIMIT, codes(answers));
      for (const { headers, status, error } of refused(answers)) {
        assert.equal(status, 429);
        assert.equal(error?.code, 'rate_limit_exceeded');
        assert.equal(error.type, 'requests');
        const seconds = Number(headers.get('retry-after'));
        assert.ok(seconds >= 1 && seconds <= 60);
        assert.equal(headers.get('x-ratelimit-limit-requests'), String(LIMIT));
        assert.equal(headers.get('x-ratelimit-remaining-requests'), '0');
        assert.match(headers.get('x-ratelimit-reset-requests') ?? '', /^\d/);
        assert.equal(headers.get('x-ratelimit-limit-tokens'), null);
      }
      for (const { headers } of answers.filter(({ status }) => status === 200)) {
        assert.equal(headers.get('x-ratelimit-limit-requests'), String(LIMIT));
      }
    });

    it('exactly 50 of 200 runs that do not end get in where 50 are allowed at once', async () => {
      let held: readonly Verdict[] = [];
      for (let round = 0; round < 2; round++) {
        held = await keys.responses('outstanding', AT_ONCE, ENDLESS);
        assert.equal(accepted(held), LIMIT, `round ${round}: ${codes(held)}`);
        for (const { code, headers, status } of refused(held)) {
          assert.deepEqual([status, code], [429, 'rate_limit_exceeded']);
          assert.ok(Number(headers.get('retry-after')) >= 1);
        }
        await keys.cancel('outstanding', held);
        await keys.untilIdle();
      }
    });
  });
}

/** For a failure's message: how often each answer came. */
function codes(verdicts: readonly Answered[]): string {
  const counts = Map.groupBy(verdicts, (one) => `${one.status} ${codeOf(one) ?? ''}`);
  return [...counts].map(([answer, { length }]) => `${length} x ${answer}`).join(', ');
}

leakGuard();
