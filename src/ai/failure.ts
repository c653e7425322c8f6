import type { Usage } from './answer.ts';

/** What went wrong between us and a model, in the only terms a caller can act on. */
export type FailureKind =
  | 'TIMEOUT'
  | 'RATE_LIMITED'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'REFUSED'
  | 'INVALID_RESPONSE'
  | 'INTERRUPTED'
  | 'CANCELLED';

export type FailureDetails = {
  /** Seconds the provider asks us to wait; with RATE_LIMITED only, and only when it said so. */
  retryAfterSeconds?: number;
  /** The answer as far as it had come. */
  text?: string;
  /** HTTP status of the provider's answer. */
  status?: number;
  /** Code of a network fault, such as `ECONNREFUSED`. */
  code?: string;
  /** How many numbers an embedding model's vectors have, where that is the fault. */
  dimensions?: number;
  /** What the call used, where it came to its end and its answer is no good. */
  usage?: Usage;
};

/**
 * A model call that did not end well. The message is meant for people. Neither it nor any property holds a key, a
 * request or the provider's own words: those can repeat the key. For the same reason there is no `cause`.
 */
export class ModelFailure extends Error {
  readonly kind: FailureKind;
  readonly retryAfterSeconds: number | undefined;
  readonly text: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly dimensions: number | undefined;
  readonly usage: Usage | undefined;

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message);
    this.name = 'ModelFailure';
    this.kind = kind;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.text = details.text ?? '';
    this.status = details.status;
    this.code = details.code;
    this.dimensions = details.dimensions;
    this.usage = details.usage;
  }

  /** The same failure with the answer as far as it had come. */
  after(text: string): ModelFailure {
    const { retryAfterSeconds, status, code, usage } = this;
    return new ModelFailure(this.kind, this.message, {
      text,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      ...(status !== undefined && { status }),
      ...(code !== undefined && { code }),
      ...(usage !== undefined && { usage }),
    });
  }
}
