import type { ServerResponse } from 'node:http';
import { ModelFailure } from '../../ai/failure.ts';
import { BodyFault } from '../../body.ts';
import { DomainError } from '../../errors.ts';
import type { FolderRequest } from '../folder.ts';
import { refuse } from '../../refusal.ts';

/** An error as OpenAI's clients read it (https://platform.openai.com/docs/guides/error-codes/api-errors). */
export interface ToldFault {
  readonly status: number;
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly code: string | null;
    /** The field of the request that is wrong, such as `messages[0].content`. */
    readonly param: string | null;
  };
  readonly retryAfterSeconds?: number;
  /** False where the clients, which try again by themselves, should not. */
  readonly again?: false;
}

const fault = (
  status: number,
  type: string,
  code: string | null,
  message: string,
  param: string | null = null,
): ToldFault => ({ status, error: { message, type, code, param } });

const wrong = 'invalid_request_error';
const ours = 'server_error';

/** What a client can do nothing about but ask again, or tell somebody. */
export const unknownFault = (requestId: string): ToldFault =>
  fault(500, ours, null, `Something went wrong on our side; the request was ${requestId}.`);

/** What is told of an error; null for one that is none of those clients are meant to know. */
export const toldFault = (error: unknown): ToldFault | null => {
  if (error instanceof BodyFault) return fault(error.status, wrong, null, error.message);
  if (error instanceof ModelFailure) return ofModel(error);
  return error instanceof DomainError ? ofDomain(error) : null;
};

const ofModel = ({ kind, message, retryAfterSeconds }: ModelFailure): ToldFault => {
  if (kind === 'REFUSED') return fault(400, wrong, 'provider_refused', message);
  if (kind === 'TIMEOUT') return fault(504, ours, 'provider_timeout', message);
  if (kind === 'UNAVAILABLE' || kind === 'CANCELLED') return fault(503, ours, 'provider_unavailable', message);
  if (kind !== 'RATE_LIMITED') return fault(502, ours, 'provider_fault', message);
  const told = fault(429, 'requests', 'rate_limit_exceeded', message);
  return retryAfterSeconds === undefined ? told : { ...told, retryAfterSeconds };
};

const modelFields: ReadonlySet<unknown> = new Set(['chatModel', 'embeddingModel']);

const ofDomain = ({ message, extensions }: DomainError): ToldFault => {
  const { code, field, retryAfterSeconds, resetsAt } = extensions;
  const param = typeof field === 'string' ? field : null;
  const wait = typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {};
  switch (code) {
    case 'UNAUTHENTICATED':
      return fault(401, wrong, 'invalid_api_key', message);
    case 'FORBIDDEN':
      return fault(403, wrong, 'insufficient_permissions', message);
    case 'NOT_FOUND':
      return fault(404, wrong, 'model_not_found', message, 'model');
    case 'BAD_USER_INPUT':
      return fault(400, wrong, 'invalid_value', message, param);
    case 'CONFLICT':
      // A model that cannot be called is as good as none: lists do not show it.
      return modelFields.has(field)
        ? fault(404, wrong, 'model_not_found', message, 'model')
        : fault(409, wrong, 'conflict', message, 'model');
    case 'RATE_LIMITED':
      return { ...fault(429, 'requests', 'rate_limit_exceeded', message), ...wait };
    case 'QUOTA_EXCEEDED':
      return {
        ...fault(429, 'insufficient_quota', 'insufficient_quota', message),
        ...secondsUntil(resetsAt),
        again: false,
      };
    case 'UNAVAILABLE':
      return { ...fault(503, ours, 'service_unavailable', message), ...wait };
    default:
      return fault(400, wrong, null, message, param);
  }
};

const secondsUntil = (moment: unknown): { retryAfterSeconds?: number } => {
  const ms = typeof moment === 'string' ? Date.parse(moment) - Date.now() : Number.NaN;
  return Number.isNaN(ms) ? {} : { retryAfterSeconds: Math.max(1, Math.ceil(ms / 1000)) };
};

/** Answers a request with an error; nothing was sent before. */
export const tellFault = ({ request, response }: FolderRequest, told: ToldFault): Promise<void> => {
  withAdvice(response, told);
  return refuse(request, response, told.status, { error: told.error });
};

const withAdvice = (response: ServerResponse, { retryAfterSeconds, again }: ToldFault): void => {
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds));
  if (again === false) response.setHeader('x-should-retry', 'false');
};
