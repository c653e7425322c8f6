import { types } from 'node:util';
import {
  APICallError,
  EmptyResponseBodyError,
  InvalidPromptError,
  InvalidResponseDataError,
  JSONParseError,
  TypeValidationError,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider';
import { NoOutputGeneratedError, RetryError } from 'ai';
import { retryAfterSeconds } from '../outbound/retry-after.ts';
import { ModelFailure, type FailureKind } from './failure.ts';

const withCode = (kind: FailureKind, message: string, code?: string) =>
  new ModelFailure(kind, message, code === undefined ? {} : { code });
const interrupted = (code?: string) =>
  withCode('INTERRUPTED', 'The connection to the model broke before the answer was complete.', code);
const unreachable = (code?: string) => withCode('UNAVAILABLE', 'The model provider cannot be reached.', code);
const unreadable = () => new ModelFailure('INVALID_RESPONSE', 'The model provider sent an answer that cannot be read.');

const byStatus = (status: number): [FailureKind, string] => {
  if (status === 401 || status === 403)
    return ['UNAUTHORIZED', 'The model provider does not accept the key it was given.'];
  if (status === 404) return ['UNAVAILABLE', 'The model provider does not know this model or address.'];
  if (status === 408 || status === 504) return ['TIMEOUT', 'The model provider took too long.'];
  if (status === 429) return ['RATE_LIMITED', 'The model provider takes no more requests at the moment.'];
  if (status >= 500 || status === 409) return ['UNAVAILABLE', 'The model provider has a fault at the moment.'];
  if (status >= 400) return ['REFUSED', 'The model provider refused this request.'];
  return ['INVALID_RESPONSE', 'The model provider sent an answer that cannot be read.'];
};

const ofStatus = (status: number, headers?: Record<string, string>): ModelFailure => {
  const [kind, message] = byStatus(status);
  const seconds = kind === 'RATE_LIMITED' ? retryAfterSeconds(headers) : undefined;
  return new ModelFailure(kind, message, { status, ...(seconds !== undefined && { retryAfterSeconds: seconds }) });
};

/** Also of errors from another realm, where `instanceof` does not see them. */
const isError = (error: unknown): error is Error => error instanceof Error || types.isNativeError(error);

/** The code of the network fault at the bottom of an error, such as `ECONNREFUSED`. */
const networkCode = (error: unknown, depth = 0): string | undefined => {
  if (!isError(error) || depth > 5) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code !== undefined && /^[A-Z_]{3,40}$/.test(code) ? code : networkCode(error.cause, depth + 1);
};

/** A fault that the provider reports inside a stream that had begun well; what it looks like differs by provider. */
const reported = (error: object, begun: boolean): ModelFailure => {
  const said = ['code', 'type', 'status'].map((name) => String(Reflect.get(error, name) ?? '')).join(' ');
  if (/rate_limit|\b429\b|quota/.test(said)) return ofStatus(429);
  if (/auth|permission|\b40[13]\b/.test(said)) return ofStatus(401);
  if (/content_filter|content_policy|safety/.test(said)) return ofStatus(400);
  return begun ? interrupted() : ofStatus(500);
};

const diagnose = (error: unknown, begun: boolean): ModelFailure => {
  if (error instanceof ModelFailure) return error;
  if (RetryError.isInstance(error)) return diagnose(error.lastError, begun);
  if (APICallError.isInstance(error)) {
    const code = networkCode(error);
    // The headers had come, the body broke off: the SDK reports the status of the headers.
    if (error.statusCode === 200 && code !== undefined) return interrupted(code);
    if (error.statusCode !== undefined) return ofStatus(error.statusCode, error.responseHeaders);
    return begun ? interrupted(code) : unreachable(code);
  }
  if (NoOutputGeneratedError.isInstance(error)) return interrupted();
  // The one sign by which the SDK's OpenAI dialects tell a stream that ended early from other bad data.
  if (InvalidResponseDataError.isInstance(error)) return error.data === undefined ? interrupted() : unreadable();
  if (JSONParseError.isInstance(error) || TypeValidationError.isInstance(error)) return unreadable();
  if (EmptyResponseBodyError.isInstance(error)) return unreadable();
  // Found by the SDK before anything was sent.
  if (UnsupportedFunctionalityError.isInstance(error) || InvalidPromptError.isInstance(error))
    return new ModelFailure('REFUSED', 'The model provider takes no request of this kind.');
  if (isError(error)) return begun ? interrupted(networkCode(error)) : unreachable(networkCode(error));
  return typeof error === 'object' && error !== null ? reported(error, begun) : unreachable();
};

/**
 * What a provider's or the SDK's error means, in our terms. `begun` says whether a byte of the answer had come, `text`
 * what of the answer had.
 */
export const failureFrom = (error: unknown, { begun = false, text = '' } = {}): ModelFailure => {
  const failure = diagnose(error, begun);
  return text === failure.text ? failure : failure.after(text);
};
