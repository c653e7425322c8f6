import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Connector, Source, SourceContent, SourceItem } from './connector.ts';
import { readFeed, type FeedEntry, type FeedText } from './feed-entries.ts';
import { contentByListing } from './listed-content.ts';
import { fetchListedPage } from './web-page.ts';
import { askWeb, placeOf, realPause, webUrl, type Pause } from './web-request.ts';
import { decodeBy, mediaTypeOf } from './web-text.ts';

const configuration = z.strictObject({
  url: webUrl,
  /** Read the pages that the entries link to, instead of what the feed says itself. */
  fullText: z.boolean().default(false),
});
export type FeedConfiguration = z.infer<typeof configuration>;

const maxFeedBytes = 10_000_000;
const maxIdLength = 1000;
const maxTitleLength = 500;

/** The entries of a feed, at most 1,000, named by their guid or id, or else by their link; those with neither are left out. */
export const feedConnector = (pause: Pause): Connector<FeedConfiguration> => {
  const list: Connector<FeedConfiguration>['list'] = async (source) => {
    const entries = await entriesOf(source, pause);
    const items = entries.flatMap((entry) => itemOf(entry, source.configuration) ?? []);
    // A name that comes twice means what stands first, which is the newest.
    const named = new Set<string>();
    return { items: items.filter(({ id }) => !named.has(id) && named.add(id)), next: null };
  };
  return {
    kind: 'FEED',
    keepsUnlisted: true,
    configuration,
    secrets: [],
    list,
    fetch: (source, item, known) =>
      source.configuration.fullText && item.uri !== null
        ? fetchListedPage({ ...source, pause }, item.uri, item, known)
        : contentByListing(list, source, item.id, known),
  };
};

export const connector = feedConnector(realPause);

const entriesOf = async (source: Source<FeedConfiguration>, pause: Pause): Promise<FeedEntry[]> => {
  const answer = await askWeb(
    { ...source, pause },
    {
      url: source.configuration.url,
      headers: {
        accept: 'application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5',
      },
      maxBytes: maxFeedBytes,
    },
  );
  const { charset } = mediaTypeOf(answer.headers.get('content-type'));
  return readFeed(decodeBy(answer.bytes, charset, declaredIn(answer.bytes)), placeOf(answer.url));
};

/** The encoding that an XML declaration names, which is in ASCII itself. */
const declaredIn = (bytes: Uint8Array): string =>
  /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]{1,40})["']/.exec(
    Buffer.from(bytes.subarray(0, 200)).toString('latin1'),
  )?.[1] ?? '';

const itemOf = (entry: FeedEntry, { url, fullText }: FeedConfiguration): SourceItem | null => {
  const uri = webUrl.safeParse(entry.link === null ? '' : (URL.parse(entry.link, url)?.href ?? '')).data ?? null;
  const id = entry.id ?? uri;
  if (id === null) return null;
  const title = entry.title?.trim().slice(0, maxTitleLength) || null;
  const item = { id: bounded(id), title, uri };
  if (fullText && uri !== null)
    return { ...item, version: entry.updated === null ? null : { updated: entry.updated.slice(0, maxIdLength) } };
  if (entry.text === null) return null;
  const content = contentOf(entry.text, title);
  return { ...item, version: content.version, content };
};

/** Names that are too long for us stay apart from each other. */
const bounded = (id: string): string => (id.length <= maxIdLength ? id : `sha256:${sha256(id)}`);

const contentOf = ({ mimeType, value }: FeedText, title: string | null): SourceContent => ({
  bytes: new TextEncoder().encode(value),
  mimeType,
  title,
  version: { sha256: sha256(`${title ?? ''}\n${value}`) },
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
