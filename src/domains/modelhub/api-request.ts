import { BadUserInput } from '../../errors.ts';
import { argumentsIn, filledPath } from './api-path.ts';
import type { ApiConfigurationRow, ApiOperationRow } from './api-tables.ts';

/** How an API is reached. */
export type ApiAddress = Pick<
  ApiConfigurationRow,
  'name' | 'endpoint' | 'authentication' | 'authenticationName' | 'configuration'
>;

/** A request as it goes out. */
export interface ApiRequest {
  readonly url: URL;
  readonly method: ApiOperationRow['method'];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

type Arguments = Readonly<Record<string, unknown>>;

/**
 * The request for an operation with arguments that fit its schema: those of the path in their places, the rest as query (GET, DELETE) or JSON body.
 * What the configuration sets stands above them. Throws BadUserInput when an argument would lead out of its place in the path.
 */
export const requestFor = (
  api: ApiAddress,
  { method, path }: Pick<ApiOperationRow, 'method' | 'path'>,
  given: Arguments,
  key: string | null,
): ApiRequest => {
  const filled = filledPath(path, given);
  const url = filled === null ? null : URL.parse(`${api.endpoint}${filled}`);
  if (url === null || !isBelow(url, new URL(api.endpoint)))
    throw new BadUserInput('arguments', 'An argument of the path is empty, or would lead elsewhere.');
  const inPath = new Set(argumentsIn(path));
  const rest = Object.entries(given).filter(([name]) => !inPath.has(name));
  const hasBody = method !== 'GET' && method !== 'DELETE';
  if (!hasBody)
    for (const [name, value] of rest) for (const text of textsOf(value)) url.searchParams.append(name, text);
  for (const [name, value] of Object.entries(api.configuration.query ?? {})) url.searchParams.set(name, value);
  return {
    url,
    method,
    headers: {
      accept: 'application/json, text/*;q=0.8',
      ...lowerCased(api.configuration.headers ?? {}),
      ...(hasBody && { 'content-type': 'application/json' }),
      ...credentialsOf(api, key),
    },
    body: hasBody ? JSON.stringify(Object.fromEntries(rest)) : null,
  };
};

/** The request that asks whether an API is there and takes the key: its root. */
export const requestForRoot = (api: ApiAddress, key: string | null): ApiRequest =>
  requestFor(api, { method: 'GET', path: '' }, {}, key);

/** Whatever was put together, it leads to the host and below the path that were set. */
const isBelow = (url: URL, root: URL): boolean => {
  const base = root.pathname.replace(/\/$/, '');
  return url.origin === root.origin && (url.pathname === base || url.pathname.startsWith(`${base}/`));
};

/** A list stands as often as it has entries, and an object as JSON. */
const textsOf = (value: unknown): string[] => {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return [typeof value === 'string' ? value : JSON.stringify(value)];
};

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const credentialsOf = (
  { authentication, authenticationName }: ApiAddress,
  key: string | null,
): Record<string, string> => {
  if (key === null || authentication === 'NONE') return {};
  if (authentication === 'BEARER') return { authorization: `Bearer ${key}` };
  if (authentication === 'BASIC')
    return { authorization: `Basic ${Buffer.from(`${authenticationName ?? ''}:${key}`).toString('base64')}` };
  return { [(authenticationName ?? 'authorization').toLowerCase()]: key };
};
