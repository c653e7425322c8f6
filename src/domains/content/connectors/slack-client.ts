import {
  LogLevel,
  SlackError,
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRequestError,
  WebClient,
  type Logger,
} from '@slack/web-api';
import { SourceFailure, type Source } from './connector.ts';
import { serviceFetch } from './service-fetch.ts';

type Service = Source<{ readonly token: string; readonly baseUrl: string }>;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  getLevel: () => LogLevel.ERROR,
  setName: () => undefined,
};

/** A client whose requests go through the source's transport alone. */
export const clientOf = (source: Service): WebClient =>
  new WebClient(source.configuration.token, {
    slackApiUrl: source.configuration.baseUrl,
    allowAbsoluteUrls: false,
    fetch: serviceFetch(source, 'Slack'),
    // The transport tries again.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logger: silent,
  });

const unauthorized = new Set([
  'access_denied',
  'account_inactive',
  'ekm_access_denied',
  'enterprise_is_restricted',
  'invalid_auth',
  'missing_scope',
  'no_permission',
  'not_allowed_token_type',
  'not_authed',
  'not_in_channel',
  'org_login_required',
  'team_access_not_granted',
  'token_expired',
  'token_revoked',
  'two_factor_setup_required',
]);
const missing = new Set(['channel_not_found', 'thread_not_found', 'team_not_found']);
const unavailable = new Set([
  'fatal_error',
  'internal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
]);

/** Rejects with what an error of the client means for a source: SourceFailure, or the reason of the source's signal. */
export const asked = async <Answer>({ signal }: Service, request: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await request();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceFailure) throw error;
    if (error instanceof WebAPIRequestError && error.original instanceof SourceFailure) throw error.original;
    throw failureOf(error);
  }
};

const failureOf = (error: unknown): SourceFailure => {
  if (error instanceof WebAPIPlatformError) {
    const code = error.data.error;
    // Whatever is no code of Slack's is an answer of somebody else's.
    if (!/^[a-z_]{1,60}$/.test(code)) return new SourceFailure('INVALID', 'Slack answers what cannot be understood.');
    if (code === 'ratelimited' || code === 'rate_limited')
      return new SourceFailure('RATE_LIMITED', 'Slack asks to wait before the next request.');
    if (unauthorized.has(code))
      return new SourceFailure('UNAUTHORIZED', `Slack refuses the token or its rights: ${code}.`);
    if (missing.has(code)) return new SourceFailure('NOT_FOUND', `Slack has no such channel for the bot: ${code}.`);
    if (unavailable.has(code)) return new SourceFailure('UNAVAILABLE', `Slack has a fault: ${code}.`);
    return new SourceFailure('INVALID', `Slack refuses the request: ${code}.`);
  }
  if (error instanceof WebAPIHTTPError) {
    if (error.statusCode === 401 || error.statusCode === 403)
      return new SourceFailure('UNAUTHORIZED', 'Slack refuses the token.');
    if (error.statusCode === 404) return new SourceFailure('NOT_FOUND', 'There is no API of Slack at this address.');
    return new SourceFailure('INVALID', `Slack refuses the request with status ${error.statusCode}.`);
  }
  return new SourceFailure(
    'INVALID',
    'Slack answers what cannot be understood.',
    null,
    error instanceof SlackError ? undefined : error,
  );
};
