import type { AnyFeed, AtomFeed, JsonFeed, RdfFeed, RssFeed } from 'feedsmith';
import { parseHtml } from '../parsing/html-tree.ts';
import { SourceFailure } from './connector.ts';

const maxEntries = 1000;

/** What a feed says of one thing, whichever kind of feed it is. */
export interface FeedEntry {
  /** Null: it has no name of its own. */
  readonly id: string | null;
  /** As written: not checked, perhaps relative. */
  readonly link: string | null;
  readonly title: string | null;
  /** As written; when it was changed or else published. */
  readonly updated: string | null;
  /** The fullest text it has; null when it has none. */
  readonly text: FeedText | null;
}

export interface FeedText {
  readonly mimeType: 'text/html' | 'text/plain';
  readonly value: string;
}

/**
 * The first 1,000 entries of a feed in RSS 0.9 to 2.0, Atom or JSON Feed. Entities that a document declares for itself are not expanded.
 * Throws SourceFailure: INVALID.
 */
export const readFeed = async (text: string, place: string): Promise<FeedEntry[]> => {
  const { format, feed } = await parsed(text, place);
  if (format === 'atom') return Promise.all((feed.entries ?? []).map(ofAtom));
  if (format === 'json') return (feed.items ?? []).map(ofJson);
  return format === 'rss' ? (feed.items ?? []).map(ofRss) : (feed.items ?? []).map(ofRdf);
};

/** The parser takes XML that is cut off between two entries. */
const closedRoot = /<\/(?:[\w-]+:)?(?:rss|feed|rdf)\s*>/i;

const parsed = async (text: string, place: string): Promise<AnyFeed> => {
  const { DetectError, MalformedError, ParseError, parseFeed } = await import('feedsmith');
  try {
    const feed = parseFeed(text, { maxItems: maxEntries });
    if (feed.format === 'json' || closedRoot.test(text)) return feed;
  } catch (error) {
    const isKnown = [DetectError, MalformedError, ParseError].some((kind) => error instanceof kind);
    if (!isKnown) throw error;
  }
  throw new SourceFailure('INVALID', `${place} is no feed in RSS, Atom or JSON Feed, or is cut off.`);
};

const ofRss = (item: RssFeed.Item<string>): FeedEntry => ({
  id: item.guid?.value ?? null,
  link: item.link ?? (item.guid?.isPermaLink === false ? null : absolute(item.guid?.value)),
  title: item.title ?? null,
  updated: item.pubDate ?? item.dc?.dates?.[0] ?? null,
  text: html(item.content?.encoded) ?? html(item.description) ?? plain(item.title),
});

/** Names without a word on what they are may be addresses, and often are none. */
const absolute = (guid: string | undefined): string | null => (guid && URL.canParse(guid) ? guid : null);

const ofRdf = (item: RdfFeed.Item<string>): FeedEntry => ({
  id: item.rdf?.about ?? null,
  link: item.link ?? null,
  title: item.title ?? null,
  updated: item.dc?.dates?.[0] ?? null,
  text: html(item.content?.encoded) ?? html(item.description) ?? plain(item.title),
});

const ofAtom = async (entry: AtomFeed.Entry<string>): Promise<FeedEntry> => {
  const link = entry.links?.find(({ rel }) => rel === undefined || rel === 'alternate');
  const title = await plainTitle(entry.title);
  return {
    id: entry.id ?? null,
    link: link?.href ?? null,
    title,
    updated: entry.updated ?? entry.published ?? null,
    text: construct(entry.content) ?? construct(entry.summary) ?? plain(title ?? undefined),
  };
};

const ofJson = (item: JsonFeed.Item<string>): FeedEntry => ({
  id: item.id ?? null,
  link: item.url ?? item.external_url ?? null,
  title: item.title ?? null,
  updated: item.date_modified ?? item.date_published ?? null,
  text: html(item.content_html) ?? plain(item.content_text) ?? plain(item.summary) ?? plain(item.title),
});

const html = (value: string | undefined): FeedText | null => (value ? { mimeType: 'text/html', value } : null);
const plain = (value: string | undefined): FeedText | null => (value ? { mimeType: 'text/plain', value } : null);

/** A text of Atom (RFC 4287, 3.1 and 4.1.3); pictures and the like are none. */
const construct = (text: { readonly type?: string; readonly value?: string } | undefined): FeedText | null => {
  const type = text?.type ?? 'text';
  if (/^(?:x?html|text\/html|application\/xhtml\+xml)$/i.test(type)) return html(text?.value);
  return /^text(?:\/|$)/i.test(type) ? plain(text?.value) : null;
};

/** Titles of Atom may hold HTML. */
const plainTitle = async (title: AtomFeed.Text | undefined): Promise<string | null> => {
  if (!title || !/html$/i.test(title.type ?? '')) return title?.value ?? null;
  return (await parseHtml(title.value)).body.textContent ?? null;
};
