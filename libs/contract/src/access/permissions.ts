/**
 * What each kind of process may say to NATS and hear from it, as NATS's own permissions.
 *
 * - P1 a gateway cannot take a request off a queue: it neither makes nor asks a lane's consumer,
 *   and acknowledges nothing there.
 * - P2 a worker cannot put a request on a queue, nor read what is kept of answers.
 * - P3 neither hears the other's answers: each has an inbox of its own.
 *
 * NATS knows the calls of its JetStream API by their subjects, so they are listed one by one.
 */
import {
  ALIVE_SUBJECTS,
  BUCKETS,
  bucketStream,
  bucketSubject,
  CANCEL_SUBJECTS,
  CLAIM_SUBJECTS,
  countersStream,
  counterSubjects,
  DEAD_LETTERS_STREAM,
  deadLetterSubjects,
  doorbellSubjects,
  END_SUBJECTS,
  EVENTS_STREAM,
  FLEET_ASK,
  fleetSubjects,
  LANES,
  laneConsumer,
  laneFilter,
  LIVE_SUBJECTS,
  LOG_SUBJECTS,
  PRIORITIES,
  READERS_SUBJECTS,
  RECORDER_CONSUMER,
  requestsStream,
  requestSubjects,
  reservationsSubject,
  WARMTH_SUBJECTS,
} from '../subjects.ts';
import type { Lane, Priority } from '../subjects.ts';

/** `operator` is a person at a terminal, with all rights. */
export const NATS_ROLES = ['gateway', 'worker', 'operator'] as const;
export type NatsRole = (typeof NATS_ROLES)[number];

export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** What the answers to a role's own questions come back on begins with this. */
export const inboxPrefix = (role: NatsRole): string => `_INBOX_${role}`;

/** `pools`: those whose queues a gateway fills, or a worker serves. */
export function permissionsOf(role: NatsRole, pools: readonly string[]): NatsPermissions {
  if (role === 'operator') return { publish: ['>'], subscribe: ['>'] };
  return role === 'gateway' ? gatewayPermissions(pools) : workerPermissions(pools);
}

const call = (name: string, stream: string): string => `$JS.API.${name}.${stream}`;
const each = (names: readonly string[], stream: string): string[] =>
  names.map((name) => call(name, stream));

function gatewayPermissions(pools: readonly string[]): NatsPermissions {
  const counters = (['minute', 'day'] as const).map((span) => [
    counterSubjects(span),
    ...each([...KEEP, 'STREAM.MSG.GET'], countersStream(span)),
  ]);
  const buckets = BUCKETS.map((name) => [
    bucketSubject(name, '>'),
    ...each([...KEEP, 'STREAM.MSG.GET', 'STREAM.PURGE'], bucketStream(name)),
  ]);
  return {
    publish: [
      ...pools.flatMap(queuePermissions),
      END_SUBJECTS,
      WARMTH_SUBJECTS,
      ...each([...KEEP, ...LOG, 'DIRECT.GET'], EVENTS_STREAM),
      call('CONSUMER.CREATE', `${EVENTS_STREAM}.${RECORDER_CONSUMER}.${END_SUBJECTS}`),
      call('CONSUMER.MSG.NEXT', `${EVENTS_STREAM}.${RECORDER_CONSUMER}`),
      `$JS.ACK.${EVENTS_STREAM}.${RECORDER_CONSUMER}.>`,
      ...each([...KEEP, 'STREAM.MSG.GET', 'STREAM.MSG.DELETE'], DEAD_LETTERS_STREAM),
      ...counters.flat(),
      ...buckets.flat(),
      CANCEL_SUBJECTS,
      ALIVE_SUBJECTS,
      READERS_SUBJECTS,
      reservationsSubject('*'),
      FLEET_ASK,
    ],
    subscribe: [
      `${inboxPrefix('gateway')}.>`,
      LIVE_SUBJECTS,
      READERS_SUBJECTS,
      reservationsSubject('*'),
      // Of all pools: whose agents it does not know yet, it hears of here.
      fleetSubjects('*'),
    ],
  };
}

/** A stream is made, brought to its bounds and looked at. */
const KEEP = ['STREAM.CREATE', 'STREAM.UPDATE', 'STREAM.INFO'];
/** The log is read by place, and what is left of a run is removed. */
const LOG = ['STREAM.MSG.GET', 'STREAM.MSG.DELETE', 'STREAM.PURGE'];

/** To fill a pool's queue, to count what is in it, and to take back what nobody wants any more. */
function queuePermissions(pool: string): string[] {
  const stream = requestsStream(pool);
  return [
    requestSubjects(pool),
    ...each([...KEEP, 'STREAM.MSG.GET', 'STREAM.MSG.DELETE'], stream),
    ...lanes((priority, lane) => [
      call('CONSUMER.INFO', `${stream}.${laneConsumer(priority, lane)}`),
    ]),
  ];
}

function lanes(subjects: (priority: Priority, lane: Lane) => readonly string[]): string[] {
  return PRIORITIES.flatMap((priority) => LANES.flatMap((lane) => subjects(priority, lane)));
}

function workerPermissions(pools: readonly string[]): NatsPermissions {
  return {
    publish: [
      ...pools.flatMap(servicePermissions),
      CLAIM_SUBJECTS,
      LOG_SUBJECTS,
      END_SUBJECTS,
      ...each(['STREAM.INFO', ...LOG], EVENTS_STREAM),
      call('STREAM.MSG.GET', bucketStream('inputs')),
      FLEET_ASK,
    ],
    subscribe: [
      `${inboxPrefix('worker')}.>`,
      CANCEL_SUBJECTS,
      ALIVE_SUBJECTS,
      FLEET_ASK,
      ...pools.map(doorbellSubjects),
      ...pools.map(fleetSubjects),
    ],
  };
}

/** To take requests off a pool's lanes, and to give up those that nobody can run. */
function servicePermissions(pool: string): string[] {
  const stream = requestsStream(pool);
  return [
    ...lanes((priority, lane) => {
      const consumer = `${stream}.${laneConsumer(priority, lane)}`;
      return [
        call('CONSUMER.CREATE', `${consumer}.${laneFilter(pool, priority, lane)}`),
        call('CONSUMER.MSG.NEXT', consumer),
      ];
    }),
    `$JS.ACK.${stream}.>`,
    deadLetterSubjects(pool),
    doorbellSubjects(pool),
    fleetSubjects(pool),
  ];
}
