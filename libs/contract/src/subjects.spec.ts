import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  gatewayOf,
  isToken,
  laneOf,
  newGatewayToken,
  newRunId,
  rankOf,
  requestSubject,
  runEnd,
  runClaim,
  runEvents,
  runLog,
  runState,
  userToken,
} from './subjects.ts';

describe('subjects', () => {
  it('map ranks to lanes: 1, 2 to 3, 4 to 7, and all above', () => {
    const lanes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 256].map(laneOf);
    assert.deepEqual(lanes, [1, 2, 2, 3, 3, 3, 3, 4, 4, 4]);
  });

  it('carry the rank so that it can be read back', () => {
    for (const rank of [1, 7, 256]) {
      assert.equal(rankOf(requestSubject('default', 'user', rank)), rank);
    }
    for (const broken of ['requests.default.normal.1.user.x', '', 'a.0', 'a.-1']) {
      assert.equal(rankOf(broken), undefined);
    }
  });

  it('hold any identity as one legal token, the same for the same identity', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (identity) => {
        assert.ok(isToken(userToken(identity)));
        assert.equal(userToken(identity), userToken(identity));
      }),
    );
    assert.notEqual(userToken('a'), userToken('b'));
  });

  it('name a run from its id alone', () => {
    const gateway = newGatewayToken();
    const run = newRunId(gateway);
    assert.equal(gatewayOf(run), gateway);
    assert.equal(runClaim(run), `events.${gateway}.${run}.claim`);
    assert.equal(runEnd(run), `events.${gateway}.${run}.end`);
    assert.equal(runState(run), `events.${gateway}.${run}.*`);
    assert.equal(runLog(run, 2), `events.${gateway}.${run}.log.2`);
    assert.equal(runEvents(run), `events.${gateway}.${run}.>`);
  });

  it('are never built from what is not a run id: a wildcard would reach other runs', () => {
    for (const hostile of ['*', '>', 'a.b', 'gw_*', 'gw_>', '', 'gw_0123.end', '../x']) {
      assert.equal(gatewayOf(hostile), undefined);
      assert.throws(() => runState(hostile), TypeError);
    }
  });

  it('refuse pool names that are no token', () => {
    for (const bad of ['', 'a.b', 'a b', '*', '>', 'x'.repeat(65)])
      assert.equal(isToken(bad), false);
  });
});
