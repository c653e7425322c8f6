import { z } from 'zod';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { ApiConfigurationRow } from './api-tables.ts';

/** What an API's configuration says, without its key. */
export type ApiSettings = Pick<
  ApiConfigurationRow,
  | 'name'
  | 'kind'
  | 'provider'
  | 'endpoint'
  | 'authentication'
  | 'authenticationName'
  | 'configuration'
  | 'groupId'
  | 'isActive'
>;

/** RFC 9110, 5.6.2. */
const isToken = (text: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(text);
/** Printable ASCII, spaces inside alone: what every header carries. */
const isHeaderValue = (text: string): boolean => /^[!-~](?:[ -~]{0,998}[!-~])?$/.test(text);
const isKey = (text: string): boolean => /^[!-~][ -~]{6,1998}[!-~]$/.test(text);

/** They say where a request goes, how long it is and who hears it: nobody sets them by hand. */
const governed = new Set(
  `accept-encoding connection content-encoding content-length content-type expect host http2-settings keep-alive proxy-authenticate
  proxy-authorization proxy-connection te trailer transfer-encoding upgrade via forwarded x-forwarded-for x-forwarded-host`.split(
    /\s+/,
  ),
);
/** What names of secrets are made of, such as `X-Api-Key` and `accessToken`. */
const secretWords = new Set(
  `auth authentication authorization apikey bearer cookie cookie2 credential credentials key passwd password secret session sessionid
  signature token`.split(/\s+/),
);
const soundsSecret = (name: string): boolean =>
  name
    .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .some((word) => secretWords.has(word));

const maxEntries = 50;
const secretsElsewhere = 'Secrets are no part of the configuration: give them as the key, which is stored encrypted.';
const fewEnough = (entries: object) => Object.keys(entries).length <= maxEntries;

const shape = z.strictObject({
  headers: z.record(z.string(), z.string()).refine(fewEnough, 'At most 50 headers can be set.').optional(),
  query: z.record(z.string(), z.string()).refine(fewEnough, 'At most 50 parameters can be set.').optional(),
});

/** Headers and query parameters of every call. Throws BadUserInput. */
export const configurationOf = (given: unknown): ApiSettings['configuration'] => {
  const parsed = shape.safeParse(given ?? {});
  if (!parsed.success)
    throw new BadUserInput(
      parsed.error.issues.map(({ path, message }) => ({
        field: ['configuration', ...path.map(String)].join('.'),
        message,
      })),
    );
  const { headers, query } = parsed.data;
  const issues: InputIssue[] = [];
  for (const [name, value] of Object.entries(headers ?? {})) {
    const field = `configuration.headers.${name.slice(0, 100)}`;
    if (!isToken(name) || governed.has(name.toLowerCase()))
      issues.push({ field, message: 'This is no name of a header that can be set.' });
    else if (soundsSecret(name)) issues.push({ field, message: secretsElsewhere });
    if (!isHeaderValue(value))
      issues.push({ field, message: 'A header has 1 to 1,000 printable ASCII characters, spaces only inside.' });
  }
  for (const [name, value] of Object.entries(query ?? {})) {
    const field = `configuration.query.${name.slice(0, 100)}`;
    if (name.length < 1 || name.length > 100 || value.length > 1000 || `${name}${value}`.includes('\0'))
      issues.push({ field, message: 'A name has 1 to 100 characters, a value at most 1,000, without NUL.' });
    if (soundsSecret(name)) issues.push({ field, message: secretsElsewhere });
  }
  if (issues.length > 0) throw new BadUserInput(issues);
  return { ...(headers && { headers }), ...(query && { query }) };
};

const endpointRefused = (message: string): BadUserInput => new BadUserInput('endpoint', message);

/** The root of an API as it is stored. Throws BadUserInput. */
export const endpointOf = (url: URL): string => {
  if (!/^https?:$/.test(url.protocol)) throw endpointRefused('An endpoint begins with http:// or https://.');
  if (url.username !== '' || url.password !== '')
    throw endpointRefused('An endpoint holds no user name and no password.');
  if (url.search !== '' || url.hash !== '')
    throw endpointRefused('An endpoint has no query and no fragment: give parameters as configuration.query.');
  const endpoint = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  if (endpoint.length > 500 || url.pathname.includes('//'))
    throw endpointRefused('An endpoint has at most 500 characters, and no empty parts.');
  return endpoint;
};

/** What is wrong with settings as a whole, and with a key that is given for them. Throws BadUserInput. */
export const requireSound = (settings: ApiSettings, key: string | null): void => {
  const { name, provider, authentication, authenticationName } = settings;
  const issues: InputIssue[] = [];
  if (name.length < 1 || name.length > 100 || /\p{Cc}/u.test(name))
    issues.push({ field: 'name', message: 'A name has 1 to 100 characters, and no control characters.' });
  if (provider.length > 100 || /\p{Cc}/u.test(provider))
    issues.push({ field: 'provider', message: 'A provider has at most 100 characters, and no control characters.' });
  const faultOfName = nameFault(authentication, authenticationName);
  if (faultOfName !== null) issues.push({ field: 'authenticationName', message: faultOfName });
  if (key !== null && authentication === 'NONE')
    issues.push({ field: 'key', message: 'Without authentication there is no key.' });
  if (key !== null && !isKey(key))
    issues.push({ field: 'key', message: 'A key has 8 to 2,000 printable ASCII characters, spaces only inside.' });
  if (issues.length > 0) throw new BadUserInput(issues);
};

const nameFault = (authentication: ApiSettings['authentication'], name: string | null): string | null => {
  if (authentication === 'HEADER')
    return name !== null && isToken(name) && !governed.has(name.toLowerCase())
      ? null
      : 'HEADER needs the name of the header that carries the key.';
  if (authentication === 'BASIC')
    return name !== null && /^[!-9;-~][ -9;-~]{0,199}$/.test(name)
      ? null
      : 'BASIC needs a user name: 1 to 200 printable ASCII characters without a colon.';
  return name === null ? null : 'A name belongs to HEADER and BASIC alone.';
};
