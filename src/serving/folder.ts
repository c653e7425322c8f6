import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Origin } from '../database/unit-of-work.ts';
import type { Installation } from '../installation.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { DomainError } from '../errors.ts';
import { failure, refuse } from '../refusal.ts';

/** A request for something below a first part of the path. */
export interface FolderRequest {
  readonly services: Installation['services'];
  /** Charges what a request costs, as operations of GraphQL are charged. Throws RateLimited. */
  readonly charge: Gateway['charge'];
  /** What follows the folder's name and its slash, as it was sent, without the query. */
  readonly rest: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly origin: Origin;
}

/** Answers every request below one folder. */
export type Folder = (request: FolderRequest) => Promise<void>;

const statuses: Readonly<Record<string, number>> = {
  BAD_USER_INPUT: 400,
  CONFLICT: 409,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  QUOTA_EXCEEDED: 429,
  RATE_LIMITED: 429,
  UNAUTHENTICATED: 401,
  UNAVAILABLE: 503,
};

/** Answers other methods than these with 405 and why. */
export const only =
  (methods: readonly string[], why: string, folder: Folder): Folder =>
  (folderRequest) => {
    const { request, response } = folderRequest;
    if (methods.includes(request.method ?? '')) return folder(folderRequest);
    return refuse(request, response.setHeader('allow', methods.join(', ')), 405, failure('BAD_REQUEST', why));
  };

/** Tells a domain's failure in JSON. Throws whatever else it is given. */
export const tell = async ({ request, response }: FolderRequest, error: unknown): Promise<void> => {
  if (!(error instanceof DomainError)) throw error;
  const { retryAfterSeconds } = error.extensions;
  if (typeof retryAfterSeconds === 'number' && !response.headersSent)
    response.setHeader('retry-after', String(retryAfterSeconds));
  await refuse(request, response, statuses[String(error.extensions.code)] ?? 400, { errors: [error.toJSON()] });
};

/** There is nothing at this address. */
export const nothingHere = ({ request, response }: FolderRequest): Promise<void> =>
  refuse(request, response, 404, failure('NOT_FOUND', 'There is nothing here.'));
