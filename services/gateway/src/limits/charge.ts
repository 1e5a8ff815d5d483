import type { Standing } from './standing.ts';

/** What a request has been counted for in one place. Neither of the two ever rejects. */
export interface Charge {
  readonly standing: Standing;
  /** Takes all of it back. */
  refund(): Promise<void>;
  /** Corrects the estimate to what was used. */
  settle(actualTokens: number): Promise<void>;
}
