import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  deadLetterSubject,
  gatewayOf,
  isToken,
  laneOf,
  newGatewayToken,
  newRunId,
  originOf,
  rankOf,
  replayOf,
  requestSubject,
  placeOf,
  runEnd,
  runClaim,
  runEvents,
  runLog,
  runState,
  userToken,
} from './subjects.ts';

const RANKS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 256];

describe('subjects', () => {
  it('map ranks to lanes: 1, 2 to 3, 4 to 7, and all above', () => {
    const lanes = RANKS.map((rank) => laneOf({ account: 'a', user: 'a', rank }));
    assert.deepEqual(lanes, [1, 2, 2, 3, 3, 3, 3, 4, 4, 4]);
  });

  it('let users of an account begin behind the first three requests of every account', () => {
    const lanes = RANKS.map((rank) => laneOf({ account: 'a', user: 'invented', rank }));
    assert.deepEqual(lanes, [3, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
  });

  it('carry the rank so that it can be read back', () => {
    for (const rank of [1, 7, 256]) {
      const place = { priority: 'normal', account: 'account', user: 'user', rank } as const;
      const subject = requestSubject('default', place);
      assert.equal(rankOf(subject), rank);
      assert.deepEqual(placeOf(subject), { ...place, lane: laneOf(place) });
    }
    for (const broken of ['requests.default.normal.1.a.user.x', '', 'a.0', 'a.-1']) {
      assert.equal(rankOf(broken), undefined);
      assert.equal(placeOf(broken), undefined);
    }
    assert.equal(placeOf('requests.default.normal.5.a.user.1'), undefined);
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

  it('name the replays of a run so that the run can be told from them', () => {
    const gateway = fc.constantFrom(newGatewayToken(), 'gw', 'replay', 'replay1', 'a-b');
    const replays = fc.integer({ min: 1, max: 999 });
    fc.assert(
      fc.property(gateway, replays, (token, replay) => {
        const run = newRunId(token);
        const id = replayOf(run, replay) ?? '';
        assert.notEqual(gatewayOf(id), undefined);
        assert.deepEqual(originOf(id), { run, replay });
        assert.deepEqual(originOf(run), { run, replay: 0 });
        assert.equal(deadLetterSubject('p', id), deadLetterSubject('p', run));
      }),
    );
    for (const [run, replay] of [
      ['no run', 1],
      [newRunId('gw'), 1_000],
      [newRunId('gw'), 0],
      [newRunId('x'.repeat(30)), 1],
    ] as const) {
      assert.equal(replayOf(run, replay), undefined);
    }
    for (const run of ['', 'replay1-', 'replay0-gw_0123456789abcdef012345', 'replay1-gw']) {
      assert.deepEqual(originOf(run), { run, replay: 0 });
    }
  });
});
