import type { ResponseStreamEvent } from './stream-event-schema.ts';

type WithoutNumber<Event> = Event extends unknown ? Omit<Event, 'sequence_number'> : never;

/** An event of a stream before it gets its number. */
export type EventDraft = WithoutNumber<Exclude<ResponseStreamEvent, { type: 'error' }>>;
