/** The answers and events of the Responses API as schemas, for tests and the OpenAPI document. */
export { ItemSchema } from './item-schema.ts';
export { ResponseSchema } from './response-schema.ts';
export { StreamEventSchema } from './stream-event-schema.ts';
