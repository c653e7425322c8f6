import { z } from 'zod';
import { jsonPath } from './json-path.ts';
import { webUrl } from './web-request.ts';

/** They decide how a message is cut and carried, which is not for a user to say. */
const ownHeaders =
  /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|accept-encoding|proxy-.*)$/i;
const secretNames = /^(?:authorization|cookie|.*(?:key|token|secret|password|auth).*)$/i;

const headerName = z
  .string()
  .regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, 'This is no name of a header.')
  .refine((name) => !ownHeaders.test(name), 'This header is Tessera’s own.');
const headerValue = z.string().regex(/^[\t\x20-\x7e]{1,2000}$/, 'A header has 1 to 2,000 characters of ASCII.');
const headers = (name: z.ZodType<string, string>) =>
  z
    .record(name, headerValue)
    .refine((all) => Object.keys(all).length <= 20, 'At most 20 headers.')
    .optional();
const parameter = z.string().regex(/^[\w.[\]$-]{1,100}$/, 'This is no name of a parameter.');

/** How the next page is found. */
const paging = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('NONE') }),
    /** By the header Link (RFC 8288), relation next. */
    z.strictObject({ kind: z.literal('LINK_HEADER') }),
    /** `path` finds a value in the answer that goes into the parameter; none, null or empty at the end. */
    z.strictObject({ kind: z.literal('CURSOR'), path: jsonPath, parameter }),
    /** The parameter counts; a page without items is the end. */
    z.strictObject({ kind: z.literal('PAGE'), parameter, start: z.int().min(0).max(1_000_000).default(1) }),
    /** `path` finds the URL in the answer; none, null or empty at the end. */
    z.strictObject({ kind: z.literal('NEXT_URL'), path: jsonPath }),
  ])
  .default({ kind: 'NONE' });

/** An address that answers JSON by GET, and where in it the things and their parts are. */
export const jsonApiConfiguration = z
  .strictObject({
    url: webUrl,
    headers: headers(
      headerName.refine((name) => !secretNames.test(name), 'Headers that may be secret belong to secretHeaders.'),
    ),
    /** Sent as `Authorization: Bearer …`. */
    bearerToken: z
      .string()
      .regex(/^[\x21-\x7e]{1,4000}$/, 'A token has 1 to 4,000 characters of ASCII without spaces.')
      .optional(),
    secretHeaders: headers(headerName),
    /** Finds the items in an answer. */
    items: jsonPath,
    /** Found in an item, as all that follow. */
    id: jsonPath,
    title: jsonPath.optional(),
    /** Values that it finds are put together with an empty line between. */
    text: jsonPath,
    uri: jsonPath.optional(),
    /** An item is not read again while this stays the same; without it, while its text does. */
    updatedAt: jsonPath.optional(),
    /** What the texts are written in. */
    format: z.enum(['TEXT', 'MARKDOWN', 'HTML']).default('TEXT'),
    paging,
    /** How many pages are read at most. */
    maxPages: z.int().min(1).max(1000, 'At most 1,000 pages.').default(100),
  })
  .refine(
    ({ bearerToken, secretHeaders }) =>
      bearerToken === undefined || !Object.keys(secretHeaders ?? {}).some((name) => /^authorization$/i.test(name)),
    { path: ['secretHeaders'], message: 'Authorization is given once: as bearerToken or among these.' },
  );
export type JsonApiConfiguration = z.infer<typeof jsonApiConfiguration>;
