import { createHash } from 'node:crypto';
import LinkHeader from 'http-link-header';
import { z } from 'zod';
import { SourceFailure, type Connector, type Source, type SourceItem, type SourceVersion } from './connector.ts';
import { jsonApiConfiguration, type JsonApiConfiguration } from './json-api-configuration.ts';
import { valuesAt, type JsonValue } from './json-path.ts';
import { contentByListing } from './listed-content.ts';
import { askWeb, normalUrl, placeOf, realPause, webUrl, type Pause, type WebAnswer } from './web-request.ts';
import { decodeBy, mediaTypeOf } from './web-text.ts';

const maxAnswerBytes = 10_000_000;
const maxIdLength = 1000;
const maxTitleLength = 500;
const maxCursorLength = 2000;
/** Longer ones take the parser long. */
const maxLinkHeaderLength = 8000;
const mimeTypes = { TEXT: 'text/plain', MARKDOWN: 'text/markdown', HTML: 'text/html' } as const;

/** Where a run is: how many pages were read, and the URL of the next. */
const positionShape = z.object({ read: z.int(), url: z.string(), page: z.int().nullable() });
type Position = z.infer<typeof positionShape>;

/** The items of an API that answers JSON; each has its text with it. Items without a text are left out. */
export const jsonApiConnector = (pause: Pause): Connector<JsonApiConfiguration> => {
  const list: Connector<JsonApiConfiguration>['list'] = async (source, from) => {
    const { configuration } = source;
    const position = from === null ? startOf(configuration) : positionShape.parse(from);
    const answer = await askWeb(
      { ...source, pause },
      {
        url: position.url,
        headers: { accept: 'application/json', ...configuration.headers },
        secretHeaders: {
          ...configuration.secretHeaders,
          ...(configuration.bearerToken !== undefined && { authorization: `Bearer ${configuration.bearerToken}` }),
        },
        maxBytes: maxAnswerBytes,
      },
    );
    const json = jsonOf(answer);
    const found = valuesAt(configuration.items, json);
    const items = found.flatMap((item, index) => itemOf(item, index, source) ?? []);
    const next =
      position.read + 1 >= configuration.maxPages ? null : nextOf(configuration, position, answer, json, found);
    return { items: [...new Map(items.map((item) => [item.id, item])).values()], next };
  };
  return {
    kind: 'JSON_API',
    configuration: jsonApiConfiguration,
    secrets: ['bearerToken', 'secretHeaders'],
    list,
    fetch: (source, item, known) => contentByListing(list, source, item.id, known),
  };
};

export const connector = jsonApiConnector(realPause);

const startOf = ({ url, paging }: JsonApiConfiguration): Position =>
  paging.kind === 'PAGE'
    ? { read: 0, url: withParameter(url, paging.parameter, String(paging.start)), page: paging.start }
    : { read: 0, url, page: null };

const withParameter = (url: string, name: string, value: string): string => {
  const changed = new URL(url);
  changed.searchParams.set(name, value);
  return changed.href;
};

const jsonOf = ({ bytes, headers, url }: WebAnswer): JsonValue => {
  try {
    return JSON.parse(decodeBy(bytes, mediaTypeOf(headers.get('content-type')).charset)) as JsonValue;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SourceFailure('INVALID', `${placeOf(url)} does not answer JSON.`);
  }
};

/** Null at the end. Throws SourceFailure INVALID for a next page that is this one, or at another origin, which may not have the secrets. */
const nextOf = (
  { url, paging }: JsonApiConfiguration,
  position: Position,
  answer: WebAnswer,
  json: JsonValue,
  found: readonly JsonValue[],
): Position | null => {
  const read = position.read + 1;
  if (paging.kind === 'NONE') return null;
  if (paging.kind === 'PAGE') {
    if (found.length === 0) return null;
    const page = (position.page ?? paging.start) + 1;
    return { read, url: withParameter(url, paging.parameter, String(page)), page };
  }
  if (paging.kind === 'CURSOR') {
    const cursor = textAt(paging.path, json, 'The cursor');
    if (cursor === null || cursor === '') return null;
    if (cursor.length > maxCursorLength) throw new SourceFailure('INVALID', 'The cursor is too long.');
    return { read, url: further(withParameter(url, paging.parameter, cursor), position, answer), page: null };
  }
  const target = paging.kind === 'LINK_HEADER' ? linkIn(answer) : textAt(paging.path, json, 'The next URL');
  return target === null || target === '' ? null : { read, url: further(target, position, answer), page: null };
};

/** The address of the next page, whole. */
const further = (target: string, position: Position, answer: WebAnswer): string => {
  const url = target.length > maxCursorLength + 1000 ? null : URL.parse(target, answer.url);
  if (!url) throw new SourceFailure('INVALID', `${placeOf(answer.url)} names a next page that is no URL.`);
  if (url.origin !== new URL(position.url).origin)
    throw new SourceFailure('INVALID', `${placeOf(answer.url)} names a next page at another host, ${url.host}.`);
  if (normalUrl(url) === position.url)
    throw new SourceFailure('INVALID', `${placeOf(answer.url)} names itself as the next page.`);
  return normalUrl(url);
};

const linkIn = ({ headers, url }: WebAnswer): string | null => {
  const text = headers.get('link') ?? '';
  try {
    if (text.length <= maxLinkHeaderLength) return LinkHeader.parse(text).rel('next')[0]?.uri ?? null;
  } catch {
    // It throws for what is no Link header, with its text in the message.
  }
  throw new SourceFailure('INVALID', `${placeOf(url)} sends a Link header that cannot be read.`);
};

const itemOf = (item: JsonValue, index: number, { configuration }: Source<JsonApiConfiguration>): SourceItem | null => {
  const name = `Item ${index + 1}`;
  const id = textAt(configuration.id, item, `The id of item ${index + 1}`);
  if (id === null || id === '' || id.length > maxIdLength)
    throw new SourceFailure('INVALID', `${name} has no id of 1 to 1,000 characters at ${configuration.id}.`);
  const text = textsAt(configuration.text, item, `The text of item ${index + 1}`).join('\n\n');
  if (text.trim() === '') return null;
  const part = (path: string | undefined, what: string): string | null =>
    path === undefined ? null : textAt(path, item, `${what} of item ${index + 1}`);
  const title = part(configuration.title, 'The title')?.trim().slice(0, maxTitleLength) || null;
  const updatedAt = part(configuration.updatedAt, 'The time of change')?.slice(0, maxIdLength);
  const version: SourceVersion = updatedAt
    ? { updatedAt }
    : {
        sha256: createHash('sha256')
          .update(`${title ?? ''}\n${text}`)
          .digest('hex'),
      };
  return {
    id,
    title,
    uri: uriOf(part(configuration.uri, 'The address'), configuration.url),
    version,
    content: { bytes: new TextEncoder().encode(text), mimeType: mimeTypes[configuration.format], title, version },
  };
};

/** An address for people; what is none is left out. */
const uriOf = (text: string | null, base: string): string | null =>
  text ? (webUrl.safeParse(URL.parse(text, base)?.href ?? '').data ?? null) : null;

/** The one value at a path; null when there is none, or it is null. */
const textAt = (path: string, json: JsonValue, what: string): string | null => {
  const [first = null, ...others] = textsAt(path, json, what);
  if (others.length > 0) throw new SourceFailure('INVALID', `${what} is found more than once at ${path}.`);
  return first;
};

const textsAt = (path: string, json: JsonValue, what: string): string[] =>
  valuesAt(path, json).flatMap((value) => {
    if (value === null || value === false) return [];
    if (typeof value === 'object') throw new SourceFailure('INVALID', `${what} is no text at ${path}.`);
    return String(value);
  });
