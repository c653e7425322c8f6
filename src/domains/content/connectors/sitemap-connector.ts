import { setImmediate as others } from 'node:timers/promises';
import { z } from 'zod';
import { SourceFailure, type Connector, type Source, type SourceItem, type SourcePage } from './connector.ts';
import { maxSitemapBytes, readSitemap, type SitemapFile } from './sitemap-file.ts';
import { fetchListedPage } from './web-page.ts';
import { askWeb, normalUrl, placeOf, realPause, webUrl, type Asking, type Pause } from './web-request.ts';
import { awaitRobots, robotsPermission, sitemapsInRobots } from './web-robots.ts';

const pathPrefixes = z
  .array(
    z.string().min(1).max(500, 'A path has at most 500 characters.').startsWith('/', 'A path begins with a slash.'),
  )
  .max(50, 'At most 50 paths.')
  .default([]);

const configuration = z.strictObject({
  /** Of a sitemap, or the start page of a site whose sitemaps are to be found. */
  url: webUrl,
  /** How many pages are read at most. */
  maxPages: z.int().min(1).max(5000, 'At most 5,000 pages.').default(500),
  /** How many indexes may stand above a sitemap; further ones are left out. */
  maxDepth: z.int().min(0).max(3, 'At most 3 indexes above each other.').default(3),
  /** Only pages whose path begins with one of these; empty: all. */
  include: pathPrefixes,
  /** No pages whose path begins with one of these. */
  exclude: pathPrefixes,
});
export type SitemapConfiguration = z.infer<typeof configuration>;

const placeShape = z.object({
  /** Of a sitemap, or of the site. */
  url: z.string(),
  /** The entry of it that comes next. */
  entry: z.int(),
  /** One of several that may be missing. */
  isOneOfMany: z.boolean(),
});
/** Where a run is: the way down from the source's own address. */
const positionShape = z.object({
  path: z.array(placeShape),
  /** Pages so far. */
  listed: z.int(),
  /** Sitemaps gone into so far. */
  opened: z.int(),
});
type Place = z.infer<typeof placeShape>;
type Position = z.infer<typeof positionShape>;

const itemsPerPage = 500;
const sitemapsPerPage = 20;
/** Of a whole run; indexes that name each other would have no end. */
const maxSitemaps = 1000;
/** What a document's name in its source may be long. */
const maxIdLength = 1000;
const entriesAtOnce = 100;

/** The pages that a site's sitemaps name; `lastmod` is the version where it is given. */
export const sitemapConnector = (pause: Pause): Connector<SitemapConfiguration> => ({
  kind: 'SITEMAP',
  configuration,
  secrets: [],
  list: (source, from) => new Listing(source, pause, from).page(),
  fetch: (source, item, known) => fetchListedPage({ ...source, pause }, item.id, item, known),
});

export const connector = sitemapConnector(realPause);

/** Walks the tree of sitemaps depth first, for one page of the list. */
class Listing {
  readonly #asking: Asking;
  readonly #settings: SitemapConfiguration;
  readonly #position: Position;
  readonly #items = new Map<string, SourceItem>();
  /** Those on the path. */
  readonly #files = new Map<string, SitemapFile>();
  #filesOpened = 0;

  constructor(source: Source<SitemapConfiguration>, pause: Pause, from: Readonly<Record<string, unknown>> | null) {
    this.#asking = { ...source, pause };
    this.#settings = source.configuration;
    const start = { path: [{ url: source.configuration.url, entry: 0, isOneOfMany: false }], listed: 0, opened: 0 };
    this.#position = positionShape.parse(from ?? start);
  }

  async page(): Promise<SourcePage> {
    const permitted = await robotsPermission(this.#asking, new URL(this.#settings.url));
    for (let turn = 1; this.#goesOn(); turn += 1) {
      await this.#step(permitted);
      if (turn % entriesAtOnce === 0) await others();
      this.#asking.signal.throwIfAborted();
    }
    const isOver = this.#position.path.length === 0 || this.#position.listed >= this.#settings.maxPages;
    return { items: [...this.#items.values()], next: isOver ? null : this.#position };
  }

  #goesOn(): boolean {
    const { path, listed } = this.#position;
    const isFull = this.#items.size >= itemsPerPage || this.#filesOpened >= sitemapsPerPage;
    return path.length > 0 && listed < this.#settings.maxPages && !isFull;
  }

  async #step(permitted: (url: string) => boolean): Promise<void> {
    const { path } = this.#position;
    const place = path.at(-1);
    if (!place) return;
    const file = await this.#open(place);
    const entry = file.entries[place.entry];
    place.entry += 1;
    if (!entry) {
      path.pop();
      this.#files.delete(place.url);
      return;
    }
    const url = URL.parse(entry.location);
    if (!url || !isSameSite(url, new URL(this.#settings.url))) return;
    const address = normalUrl(url);
    if (file.kind === 'SITEMAPS') this.#descend(address, file.entries.length > 1);
    else if (this.#isWanted(url) && address.length <= maxIdLength && permitted(address))
      this.#add(address, entry.lastModified);
  }

  #descend(url: string, isOneOfMany: boolean): void {
    const { path } = this.#position;
    const indexes = path.filter((place) => !isSite(place.url)).length;
    if (indexes > this.#settings.maxDepth || path.some((place) => place.url === url)) return;
    this.#position.opened += 1;
    if (this.#position.opened > maxSitemaps)
      throw new SourceFailure('REFUSED', `${placeOf(this.#settings.url)} names more than 1,000 sitemaps.`);
    path.push({ url, entry: 0, isOneOfMany });
  }

  #isWanted({ pathname }: URL): boolean {
    const { include, exclude } = this.#settings;
    const begins = (prefix: string): boolean => pathname.startsWith(prefix);
    return (include.length === 0 || include.some(begins)) && !exclude.some(begins);
  }

  #add(url: string, lastModified: string | null): void {
    if (this.#items.has(url)) return;
    const version = lastModified === null ? null : { lastmod: lastModified };
    this.#items.set(url, { id: url, title: null, uri: url, version });
    this.#position.listed += 1;
  }

  async #open(place: Place): Promise<SitemapFile> {
    const known = this.#files.get(place.url);
    if (known) return known;
    this.#filesOpened += 1;
    const file = isSite(place.url) ? await sitemapsOf(this.#asking, place.url) : await this.#read(place);
    this.#files.set(place.url, file);
    return file;
  }

  /** One of several that is not there is empty; the only one must be there. */
  async #read({ url, isOneOfMany }: Place): Promise<SitemapFile> {
    const answer = await askWeb(this.#asking, {
      url,
      headers: { accept: 'application/xml, text/xml;q=0.9, text/plain;q=0.8, */*;q=0.1' },
      maxBytes: maxSitemapBytes,
      expected: isOneOfMany ? [404, 410] : [],
      mayAsk: (address) => awaitRobots(this.#asking, address),
    });
    if (answer.status >= 300) return { kind: 'PAGES', entries: [] };
    return readSitemap(answer.bytes, placeOf(url));
  }
}

/** A start page, whose sitemaps are to be found. */
const isSite = (url: string): boolean => {
  const { pathname, search } = new URL(url);
  return pathname === '/' && search === '';
};

/** Those that robots.txt names, or else the usual place. */
const sitemapsOf = async (asking: Asking, site: string): Promise<SitemapFile> => {
  const named = (await sitemapsInRobots(asking, new URL(site))).filter((text) => URL.canParse(text, site));
  const locations = named.length > 0 ? named.slice(0, 50) : ['/sitemap.xml'];
  const entries = locations.map((text) => ({ location: new URL(text, site).href, lastModified: null }));
  return { kind: 'SITEMAPS', entries };
};

/** The same host, with or without www. */
const isSameSite = (url: URL, home: URL): boolean =>
  /^https?:$/.test(url.protocol) &&
  url.username === '' &&
  url.password === '' &&
  url.port === home.port &&
  url.hostname.replace(/^www\./, '') === home.hostname.replace(/^www\./, '');
