/** What other packages may use of the gateway: its options, for the table in the documents. */
export { GATEWAY_OPTIONS } from './config.ts';
