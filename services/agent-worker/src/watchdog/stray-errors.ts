/**
 * Errors that belong to no run any more: agents and tools leave promises and timers behind, and
 * what these throw would, by Node's default, take all slots with it.
 */
import { toError } from '@switchboard/contract';

export interface StrayErrorOptions {
  /** The process should drain and be replaced. */
  readonly retire: (reason: string) => void;
  readonly log: { error(fields: object, message: string): void };
  /** Replaced in tests; default: the process. */
  readonly source?: Pick<NodeJS.Process, 'on'>;
}

/**
 * A rejection that nobody has waited for is an error of whoever began it: logged, and nothing else.
 * After an exception that nobody has caught nothing is known of what it left half done: runs that
 * are under way may finish, but the process takes no more.
 */
export function catchStrayErrors({ retire, log, source = process }: StrayErrorOptions): void {
  source.on('unhandledRejection', (reason) => {
    log.error({ err: toError(reason) }, 'a promise was rejected, and nobody waited for it');
  });
  source.on('uncaughtException', (error) => {
    log.error({ err: toError(error) }, 'an exception was thrown outside of any run');
    retire('an uncaught exception');
  });
}
