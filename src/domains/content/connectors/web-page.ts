import { createHash } from 'node:crypto';
import { SourceFailure, type SourceContent, type SourceItem, type SourceVersion } from './connector.ts';
import { awaitRobots } from './web-robots.ts';
import { askWeb, placeOf, type Asking, type WebAnswer } from './web-request.ts';
import { decodeBy, mediaTypeOf } from './web-text.ts';

const maxPageBytes = 10_000_000;
const readable = new Set(['text/html', 'application/xhtml+xml', 'text/plain', 'text/markdown', 'application/pdf']);
/** An ETag longer than this is not kept. */
const maxValidatorLength = 500;

/**
 * A page that people read, up to 10 MB, if it has changed since `known`: told by ETag and Last-Modified, or where
 * the server gives neither, by the bytes. Text comes in UTF-8 where the server names its charset.
 * Throws SourceFailure: REFUSED by robots.txt or size, INVALID when it is nothing to read.
 */
export const fetchPage = async (
  asking: Asking,
  url: string,
  known: SourceVersion | null,
): Promise<SourceContent | 'UNCHANGED' | 'GONE'> => {
  const answer = await askWeb(asking, {
    url,
    headers: {
      accept: 'text/html, application/xhtml+xml, application/pdf;q=0.9, text/plain;q=0.8, */*;q=0.1',
      ...(known?.etag !== undefined && { 'if-none-match': known.etag }),
      ...(known?.lastModified !== undefined && { 'if-modified-since': known.lastModified }),
    },
    maxBytes: maxPageBytes,
    expected: [304, 404, 410],
    mayAsk: (address) => awaitRobots(asking, address),
  });
  if (answer.status === 304) return 'UNCHANGED';
  if (answer.status === 404 || answer.status === 410) return 'GONE';
  const content = { ...contentOf(answer), title: null, version: versionOf(answer) };
  return known?.sha256 !== undefined && known.sha256 === content.version.sha256 ? 'UNCHANGED' : content;
};

/** The same for a page that a list gave; it is not asked for when the list's word on its version is the known one. */
export const fetchListedPage = async (
  asking: Asking,
  url: string,
  { version }: Pick<SourceItem, 'version'>,
  known: SourceVersion | null,
): Promise<SourceContent | 'UNCHANGED' | 'GONE'> => {
  if (version && Object.entries(version).every(([name, value]) => known?.[name] === value)) return 'UNCHANGED';
  const content = await fetchPage(asking, url, known);
  return typeof content === 'string' ? content : { ...content, version: { ...content.version, ...version } };
};

const versionOf = ({ headers, bytes }: WebAnswer): SourceVersion => {
  const etag = validator(headers.get('etag'));
  const lastModified = validator(headers.get('last-modified'));
  if (etag === null && lastModified === null) return { sha256: createHash('sha256').update(bytes).digest('hex') };
  return { ...(etag !== null && { etag }), ...(lastModified !== null && { lastModified }) };
};

const validator = (value: string | null): string | null =>
  value !== null && value !== '' && value.length <= maxValidatorLength ? value : null;

/** What is to be read in an answer. Text comes in UTF-8 where the server names its charset. Throws SourceFailure INVALID when it is nothing to read. */
export const contentOf = ({ url, headers, bytes }: WebAnswer): Pick<SourceContent, 'bytes' | 'mimeType'> => {
  // A server that says nothing of the type most likely serves pages.
  const { type, charset } = mediaTypeOf(headers.get('content-type') ?? 'text/html');
  if (!readable.has(type))
    throw new SourceFailure('INVALID', `${placeOf(url)} is nothing to read, but ${type || 'of an unknown type'}.`);
  // The header outranks what a page says of itself.
  const isInUtf8 = type === 'application/pdf' || charset === '' || /^utf-?8$/i.test(charset);
  return { bytes: isInUtf8 ? bytes : new TextEncoder().encode(decodeBy(bytes, charset)), mimeType: type };
};
