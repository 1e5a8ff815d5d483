/** How the worker ends when it gives itself up: never 0, so that its supervisor starts it again. */

/** The main thread did not answer for WATCHDOG_MS (sysexits.h calls 70 an internal error). */
export const EXIT_BLOCKED = 70;
/** It has drained because it must be replaced (75: a failure that another try may not have). */
export const EXIT_WORN = 75;
