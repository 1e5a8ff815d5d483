import { SwitchboardError } from '@switchboard/contract';
import type { ErrorCode, ErrorDetails } from '@switchboard/contract';

/** A model endpoint's failure, and whether it may pass if the provider is simply called again. */
export class ProviderFailure extends SwitchboardError {
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, details: ErrorDetails & { retryable: boolean }) {
    super(code, message, details);
    this.name = 'ProviderFailure';
    this.retryable = details.retryable;
  }
}
