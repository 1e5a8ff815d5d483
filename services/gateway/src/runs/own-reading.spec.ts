import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ErrorCode } from '@switchboard/contract';
import { isForgotten } from './own-reading.ts';

const failed = (code: string) =>
  ({ type: 'failed', code: code as ErrorCode, message: 'x' }) as const;

describe('what is remembered of a run under its key', () => {
  it('is every end but a cancel and a failure after which a retry is safe', () => {
    assert.equal(isForgotten({ type: 'cancelled', reason: 'client_gone' }), true);
    assert.equal(isForgotten(failed('queue_timeout')), true);
    assert.equal(isForgotten(failed('provider_error')), false);
    assert.equal(isForgotten({ type: 'text.delta', text: 'x' }), false);
  });

  it('is a failure whose code only newer workers know: nobody says that a retry is safe', () => {
    assert.equal(isForgotten(failed('code_of_tomorrow')), false);
  });
});
