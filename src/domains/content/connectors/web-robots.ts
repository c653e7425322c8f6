import { LRUCache } from 'lru-cache';
import robotsParser, { type Robot } from 'robots-parser';
import type { Outbound } from '../../../outbound/outbound.ts';
import { SourceFailure } from './connector.ts';
import { askWeb, pauseOrStop, type Asking } from './web-request.ts';

/** The name by which `robots.txt` speaks to Tessera. */
const agent = 'Tessera';
/** What must be read at least (RFC 9309, 2.5); the rest is cut off. */
const maxBytes = 500 * 1024;
/** Rules with wildcards are slow to compare; a file with more of them, in characters, is not gone through. */
const maxWildcardLength = 20_000;
const maxCrawlDelaySeconds = 10;
/** A day is allowed (RFC 9309, 2.4). */
const keptMs = 3_600_000;

/** What one site wants. */
interface Site {
  readonly robots: Robot | 'TOO_LONG';
  /** When the next page may be asked for, in milliseconds since 1970. */
  nextAt: number;
}

/** Sites by origin, for each way to the outside. */
const sitesOf = new WeakMap<Outbound, LRUCache<string, Site>>();

/**
 * Waits until the site wants to be asked for the page, up to 10 s a page.
 * Throws SourceFailure: REFUSED when its `robots.txt` forbids the page, UNAVAILABLE when that cannot be read for now.
 */
export const awaitRobots = async (asking: Asking, url: URL): Promise<void> => {
  const site = await siteOf(asking, url);
  const text = `The robots.txt of ${url.host}`;
  if (site.robots === 'TOO_LONG') throw new SourceFailure('REFUSED', `${text} has too many rules to be obeyed.`);
  if (!permits(site, url.href))
    throw new SourceFailure('REFUSED', `${text} does not let Tessera read ${url.pathname.slice(0, 200)}.`);
  const delaySeconds = Math.min(site.robots.getCrawlDelay(agent) ?? 0, maxCrawlDelaySeconds);
  const now = Date.now();
  const waitMs = site.nextAt - now;
  site.nextAt = Math.max(now, site.nextAt) + delaySeconds * 1000;
  if (waitMs > 0) await pauseOrStop(asking, waitMs);
};

/** Tells of the URLs of one site whether its `robots.txt` lets Tessera read them. Throws SourceFailure. */
export const robotsPermission = async (asking: Asking, url: URL): Promise<(url: string) => boolean> => {
  const site = await siteOf(asking, url);
  return (other) => permits(site, other);
};

/** The sitemaps that a site's `robots.txt` names. Throws SourceFailure. */
export const sitemapsInRobots = async (asking: Asking, url: URL): Promise<string[]> => {
  const { robots } = await siteOf(asking, url);
  return robots === 'TOO_LONG' ? [] : robots.getSitemaps();
};

const permits = ({ robots }: Site, url: string): boolean =>
  robots !== 'TOO_LONG' && robots.isAllowed(url, agent) !== false;

const siteOf = async (asking: Asking, { origin }: URL): Promise<Site> => {
  const sites = sitesOf.get(asking.outbound) ?? new LRUCache<string, Site>({ max: 500, ttl: keptMs });
  sitesOf.set(asking.outbound, sites);
  const known = sites.get(origin);
  if (known) return known;
  const site = { robots: await robotsOf(asking, `${origin}/robots.txt`), nextAt: 0 };
  sites.set(origin, site);
  return site;
};

const robotsOf = async (asking: Asking, url: string): Promise<Robot | 'TOO_LONG'> => {
  const text = relevantLines(await textOf(asking, url));
  const wildcards = text.match(/^.*\*.*$/gm) ?? [];
  const length = wildcards.reduce((sum, line) => sum + line.length, 0);
  // The package is CommonJS, described as if its export were called default.
  const parse = robotsParser as unknown as (url: string, text: string) => Robot;
  return length > maxWildcardLength ? 'TOO_LONG' : parse(url, text);
};

/** Empty where there is none, which allows everything (RFC 9309, 2.3.1.3); one that cannot be had for now forbids everything. */
const textOf = async (asking: Asking, url: string): Promise<string> => {
  try {
    const { status, bytes } = await askWeb(asking, { url, maxBytes, whenLonger: 'CUT' });
    return status === 200 ? new TextDecoder().decode(bytes) : '';
  } catch (error) {
    if (!(error instanceof SourceFailure)) throw error;
    if (['UNAUTHORIZED', 'NOT_FOUND', 'INVALID'].includes(error.kind)) return '';
    throw error;
  }
};

/**
 * The lines that speak to Tessera, to everybody, or of sitemaps, with no name twice above the same rules: the parser keeps each rule for
 * each name above it, and thousands of both would not fit into memory.
 */
const relevantLines = (text: string): string => {
  const names = new Set<string>();
  let isNaming = false;
  const lines = text.split(/\r\n|\r|\n/).flatMap((whole) => {
    const line = whole.replace(/#.*$/, '').trim();
    const [, key = '', value = ''] = /^([^:]+):(.*)$/.exec(line) ?? [];
    if (key === '') return [];
    if (key.trim().toLowerCase() !== 'user-agent') {
      isNaming = false;
      return names.size > 0 || /^sitemap\s*$/i.test(key) ? [line] : [];
    }
    if (!isNaming) names.clear();
    isNaming = true;
    const name = value.replace(/\/.*$/, '').trim().toLowerCase();
    if ((name !== '*' && name !== agent.toLowerCase()) || names.has(name)) return [];
    names.add(name);
    return [line];
  });
  return lines.join('\n');
};
