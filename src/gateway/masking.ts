import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Logger } from 'pino';
import { databaseIsAway } from '../database/failures.ts';
import { DomainError, Unavailable } from '../errors.ts';
import { TooBusy } from '../secrets/bounded.ts';
import { clientMessage } from './error-text.ts';

/** Codes of refusals that GraphQL itself and Apollo's protocol make; their messages may repeat what was sent. */
const protocolCodes = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'QUERY_TOO_COMPLEX',
]);

/** Lets failures meant for clients pass, and replaces all others: their messages can hold SQL, paths and secrets. */
export const maskingWith =
  (log: Logger, options: { readonly suggestions: boolean }) =>
  (formatted: GraphQLFormattedError, error: unknown, requestId?: string): GraphQLFormattedError => {
    const cause = rootOf(error);
    if (cause instanceof DomainError) return placed(cause, formatted);
    if (cause instanceof TooBusy || databaseIsAway(cause))
      return placed(new Unavailable('Something this needs is busy or away.'), formatted);
    const code = refusedByApollo(error) ? 'BAD_REQUEST' : formatted.extensions?.code;
    if (typeof code === 'string' && protocolCodes.has(code))
      return { ...placedAs(formatted, code), message: clientMessage(formatted.message, options) };
    log.error(
      { err: bareError(cause), ...(requestId !== undefined && { requestId }), path: formatted.path },
      'An operation failed for a reason of ours.',
    );
    return placed(
      new DomainError(
        'INTERNAL_SERVER_ERROR',
        'Something went wrong on our side.',
        requestId === undefined ? {} : { requestId },
      ),
      formatted,
    );
  };

/** The code with which an error leaves. */
export const codeOf = (error: unknown): string => {
  const cause = rootOf(error);
  if (cause instanceof DomainError) return String(cause.extensions.code);
  if (cause instanceof TooBusy || databaseIsAway(cause)) return 'UNAVAILABLE';
  // The compiled code leaves `extensions` of some errors undefined.
  const code = error instanceof GraphQLError ? (error.extensions as { code?: unknown } | undefined)?.code : undefined;
  return typeof code === 'string' && protocolCodes.has(code) ? code : 'INTERNAL_SERVER_ERROR';
};

/** Some of Apollo's refusals, such as a hash that is not the document's, carry HTTP's status alone. */
const refusedByApollo = (error: unknown): boolean => {
  if (!(error instanceof GraphQLError) || error.originalError || error.extensions.code !== undefined) return false;
  const { http } = error.extensions as { http?: { status?: number } };
  return http?.status !== undefined && http.status >= 400 && http.status < 500;
};

const rootOf = (error: unknown): unknown => {
  const unwrapped = unwrapResolverError(error);
  return unwrapped instanceof GraphQLError && unwrapped.originalError ? rootOf(unwrapped.originalError) : unwrapped;
};

/** Without Apollo's stack traces and the status it notes for HTTP. */
const placedAs = ({ extensions = {}, ...rest }: GraphQLFormattedError, code: string): GraphQLFormattedError => {
  const { stacktrace: _stacktrace, http: _http, ...kept } = extensions;
  return { ...rest, extensions: { ...kept, code } };
};

const placed = (error: DomainError, { locations, path }: GraphQLFormattedError): GraphQLFormattedError => ({
  message: error.message,
  ...(locations && { locations }),
  ...(path && { path }),
  extensions: { ...error.extensions },
});

/** What the log gets: no values of statements, which drivers attach to their errors. */
const bareError = (error: unknown) =>
  error instanceof Error
    ? { type: error.name, message: error.message, stack: error.stack, code: 'code' in error ? error.code : undefined }
    : { type: typeof error };
