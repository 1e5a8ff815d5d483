import { SwitchboardError } from '@switchboard/contract';
import type { ErrorCode, ErrorDetails } from '@switchboard/contract';

interface FailureDetails extends ErrorDetails {
  /** Whether it may pass if the same provider is simply called again. */
  readonly retryable: boolean;
  /** Whether another provider may do better; default: unless the request itself was refused. */
  readonly elsewhere?: boolean | undefined;
  /** Whether it says that the provider is ill; default: by the code. */
  readonly ill?: boolean | undefined;
}

const ILL: ReadonlySet<ErrorCode> = new Set([
  'provider_error',
  'provider_unreachable',
  'provider_bad_response',
  'provider_stream_cut',
]);

/** A model endpoint's failure, and who may be called after it. */
export class ProviderFailure extends SwitchboardError {
  readonly retryable: boolean;
  readonly elsewhere: boolean;
  readonly ill: boolean;

  constructor(code: ErrorCode, message: string, details: FailureDetails) {
    super(code, message, details);
    this.name = 'ProviderFailure';
    this.retryable = details.retryable;
    this.elsewhere = details.elsewhere ?? code !== 'provider_rejected';
    this.ill = details.ill ?? ILL.has(code);
  }
}
