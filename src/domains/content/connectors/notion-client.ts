import { APIErrorCode, Client, isHTTPResponseError, LogLevel } from '@notionhq/client';
import { SourceFailure, type Source } from './connector.ts';
import { serviceFetch } from './service-fetch.ts';

type Service = Source<{ readonly token: string; readonly baseUrl: string }>;

/** A client whose requests go through the source's transport alone. */
export const clientOf = (source: Service): Client =>
  new Client({
    auth: source.configuration.token,
    baseUrl: source.configuration.baseUrl.replace(/\/+$/, ''),
    fetch: serviceFetch(source, 'Notion'),
    // The transport tries again, and has its own deadlines.
    retry: false,
    timeoutMs: 600_000,
    logLevel: LogLevel.ERROR,
    logger: () => undefined,
  });

/** Whether the integration does not see what was asked for. */
export const isMissing = (error: unknown): boolean =>
  isHTTPResponseError(error) && error.code === APIErrorCode.ObjectNotFound;

/** Rejects with what an error of the client means for a source: SourceFailure, or the reason of the source's signal. */
export const asked = async <Answer>({ signal }: Service, request: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await request();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceFailure) throw error;
    if (!isHTTPResponseError(error))
      throw new SourceFailure('INVALID', 'Notion answers what cannot be understood.', null, error);
    if (error.status === 401 || error.status === 403)
      throw new SourceFailure(
        'UNAUTHORIZED',
        'Notion refuses the token, or the integration may not read this.',
        null,
        error,
      );
    if (error.status === 404)
      throw new SourceFailure('NOT_FOUND', 'Notion has nothing of this id for the integration.', null, error);
    if (error.status === 409) throw new SourceFailure('UNAVAILABLE', 'Notion is busy with other changes.', null, error);
    throw new SourceFailure('INVALID', `Notion refuses the request with status ${error.status}.`, null, error);
  }
};
