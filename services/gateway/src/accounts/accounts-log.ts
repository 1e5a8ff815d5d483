/** What the accounts log through. A pino logger fits. */
export interface AccountsLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
