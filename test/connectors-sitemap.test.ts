import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { sitemapConnector, type SitemapConfiguration } from '../src/domains/content/connectors/sitemap-connector.ts';
import { readSitemap } from '../src/domains/content/connectors/sitemap-file.ts';
import { failureOf, Reading, textOf, WebServer } from './web-server.ts';

let server: WebServer;
let reading: Reading<SitemapConfiguration>;
beforeEach(async () => {
  server = await new WebServer().start();
  reading = new Reading(sitemapConnector);
});
afterEach(async () => {
  server.stop();
  await reading.close();
});

const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';
const namespace = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"';
const pagesOf = (...locations: readonly string[]) =>
  `${declaration}<urlset ${namespace}>${locations.map((loc) => `<url><loc>${loc}</loc></url>`).join('')}</urlset>`;
const indexOf = (...locations: readonly string[]) =>
  `${declaration}<sitemapindex ${namespace}>${locations.map((loc) => `<sitemap><loc>${loc}</loc></sitemap>`).join('')}</sitemapindex>`;
const urls = (...paths: readonly string[]) => paths.map((path) => server.url(path));
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `/${from + index}`);
const idsOf = (pages: readonly (readonly { id: string }[])[]) => pages.flat().map(({ id }) => id);
const listed = async (configuration: object = {}, path = '/sitemap.xml') =>
  idsOf(await reading.listAll({ url: server.url(path), ...configuration }));

describe('a sitemap', () => {
  test('lists its pages with their dates; what is of other namespaces or hosts is left out', async () => {
    server.routes['/sitemap.xml'] =
      `${declaration}<urlset ${namespace} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
      <url>
        <loc>${server.url('/a?b=1&amp;c=2#part')}</loc><lastmod>2026-11-20</lastmod><priority>0.5</priority>
        <image:image><image:loc>${server.url('/a.png')}</image:loc></image:image>
      </url>
      <url><loc><![CDATA[ ${server.url('/b')} ]]></loc></url>
      <url><loc>http://elsewhere.example/c</loc></url>
      <url><loc>javascript:alert(1)</loc></url>
      <url><loc>/relative</loc></url>
      <url><loc>${server.url('/b')}</loc></url>
      <url><loc>${server.url(`/${'d'.repeat(1000)}`)}</loc></url>
    </urlset>`;
    const [first, second] = urls('/a?b=1&c=2', '/b');
    expect(await reading.list({ url: server.url('/sitemap.xml') })).toEqual({
      items: [
        { id: first, title: null, uri: first, version: { lastmod: '2026-11-20' } },
        { id: second, title: null, uri: second, version: null },
      ],
      next: null,
    });
  });

  test.each(['packed', 'plain'])('may be %s, or a text with a URL a line', async (form) => {
    const wrap = (text: string) => (form === 'packed' ? gzipSync(text) : text);
    server.routes['/sitemap.xml'] = { body: wrap(pagesOf(...urls('/a', '/b'))) };
    server.routes['/sitemap.txt'] = { body: wrap(`\uFEFF${urls('/a', '/b').join('\r\n')}`) };
    expect(await listed()).toEqual(urls('/a', '/b'));
    expect(await listed({}, '/sitemap.txt')).toEqual(urls('/a', '/b'));
  });

  test('is cut to the pages wanted', async () => {
    server.routes['/sitemap.xml'] = pagesOf(...urls('/docs/a', '/docs/old/b', '/blog/c', '/docs/d', '/about'));
    expect(await listed({ include: ['/docs/', '/blog/'], exclude: ['/docs/old/'] })).toEqual(
      urls('/docs/a', '/blog/c', '/docs/d'),
    );
    expect(await listed({ maxPages: 2 })).toEqual(urls('/docs/a', '/docs/old/b'));
  });

  test('leaves out what robots.txt forbids', async () => {
    server.routes['/robots.txt'] = 'User-agent: Tessera\nDisallow: /private/';
    server.routes['/sitemap.xml'] = pagesOf(...urls('/a', '/private/b'));
    expect(await listed()).toEqual(urls('/a'));
  });

  test.each([
    ['a web page', '<!doctype html><html><head><title>Hello</title></head></html>'],
    ['cut off', '<urlset><url><loc>http://127.0.0.1/a</loc></url>'],
    ['a feed', '<rss version="2.0"></rss>'],
    ['JSON', '{"urls": []}'],
    ['a text', 'hello'],
    ['empty', ''],
    ['of great depth', `${'<urlset>'.repeat(100_000)}${'</urlset>'.repeat(100_000)}`],
    ['cut off while packed', gzipSync(pagesOf('http://127.0.0.1/a')).subarray(0, 60)],
  ])('may not be %s', async (_what, body) => {
    server.routes['/sitemap.xml'] = { body };
    expect(await failureOf(listed())).toMatchObject({ kind: 'INVALID' });
  });

  test('must be there', async () => {
    expect(await failureOf(listed())).toMatchObject({ kind: 'NOT_FOUND' });
  });

  test('declares no entities', async () => {
    const entities = Array.from(
      { length: 12 },
      (_, index) => `<!ENTITY lol${index + 1} "${`&lol${index};`.repeat(10)}">`,
    );
    const bomb = `<?xml version="1.0"?><!DOCTYPE urlset [<!ENTITY lol0 "lol"><!ENTITY file SYSTEM "file:///etc/passwd">${entities.join('')}]>
      <urlset><url><loc>http://127.0.0.1/&lol12;&file;</loc></url></urlset>`;
    const began = performance.now();
    const { entries } = await readSitemap(new TextEncoder().encode(bomb), 'here');
    expect(entries).toEqual([{ location: 'http://127.0.0.1/&lol12;&file;', lastModified: null }]);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  test('is unpacked to 50 MB', async () => {
    const bomb = gzipSync(`<urlset>${' '.repeat(60 * 1024 * 1024)}</urlset>`);
    expect(await failureOf(readSitemap(bomb, 'here'))).toMatchObject({ kind: 'REFUSED' });
  });

  test('is read the same wherever its bytes are cut', async () => {
    const text = pagesOf(...Array.from({ length: 5000 }, (_, index) => `http://exämple.org/ü/${index}/&amp;`));
    const { entries } = await readSitemap(new TextEncoder().encode(text), 'here');
    expect(entries).toHaveLength(5000);
    expect(entries.every(({ location }, index) => location === `http://exämple.org/ü/${index}/&`)).toBe(true);
  });
});

describe('indexes of sitemaps', () => {
  test('are gone through in order; a sitemap that is not there is empty', async () => {
    server.routes = {
      '/sitemap.xml': indexOf(...urls('/1.xml', '/missing.xml', '/2.xml'), 'http://elsewhere.example/3.xml'),
      '/1.xml': pagesOf(...urls('/a')),
      '/2.xml': indexOf(...urls('/3.xml')),
      '/3.xml': pagesOf(...urls('/b')),
    };
    expect(await listed()).toEqual(urls('/a', '/b'));
    expect(await listed({ maxDepth: 1 })).toEqual(urls('/a'));
    expect(await listed({ maxDepth: 0 })).toEqual([]);
  });

  test('that name each other come to an end', async () => {
    // Without an end there would be 400 to the power of three of them.
    const again = (path: string) => Array.from({ length: 400 }, (_, index) => server.url(`${path}#${index}`));
    server.routes = {
      '/sitemap.xml': indexOf(...again('/sitemap.xml'), ...urls('/1.xml', '/1.xml', '/pages.xml')),
      '/1.xml': indexOf(...again('/sitemap.xml'), ...again('/1.xml'), ...urls('/pages.xml')),
      '/pages.xml': pagesOf(...urls('/a')),
    };
    expect(new Set(await listed())).toEqual(new Set(urls('/a')));
    expect(server.paths.length).toBeLessThan(10);
  });

  test('with sitemaps without end are refused', async () => {
    server.routes['/sitemap.xml'] = indexOf(...urls(...numbered(1100).map((path) => `${path}.xml`)));
    expect(await failureOf(listed())).toMatchObject({ kind: 'REFUSED', message: expect.stringContaining('1,000') });
  });

  test('a fault in one of them is a fault of the source, so that no page seems gone', async () => {
    server.routes = { '/sitemap.xml': indexOf(...urls('/1.xml')) };
    expect(await failureOf(listed())).toMatchObject({ kind: 'NOT_FOUND' });
    server.routes['/1.xml'] = { status: 500 };
    expect(await failureOf(listed())).toMatchObject({ kind: 'UNAVAILABLE' });
    server.routes['/1.xml'] = 'no sitemap';
    expect(await failureOf(listed())).toMatchObject({ kind: 'INVALID', message: expect.stringContaining('/1.xml') });
  });
});

test('a run goes on where another process stopped', async () => {
  server.routes = {
    '/sitemap.xml': indexOf(...urls('/1.xml', '/2.xml', '/3.xml')),
    '/1.xml': pagesOf(...urls(...numbered(700))),
    '/2.xml': pagesOf(...urls(...numbered(200, 700))),
    '/3.xml': pagesOf(...urls(...numbered(500, 900))),
  };
  const pages = await reading.listAll({ url: server.url('/sitemap.xml'), maxPages: 1300 });
  expect(pages.map((page) => page.length)).toEqual([500, 500, 300]);
  expect(idsOf(pages)).toEqual(urls(...numbered(1300)));
});

test('a run goes on between many small sitemaps, and stops when it is to', async () => {
  const sitemaps = numbered(45).map((path) => `${path}.xml`);
  server.routes = Object.fromEntries(sitemaps.map((path) => [path, pagesOf(server.url(path.slice(0, -4)))]));
  server.routes['/sitemap.xml'] = indexOf(...urls(...sitemaps));
  const pages = await reading.listAll({ url: server.url('/sitemap.xml') });
  expect(pages.length).toBe(3);
  expect(idsOf(pages)).toEqual(urls(...numbered(45)));
  const source = reading.source({ url: server.url('/sitemap.xml') }, AbortSignal.abort(new Error('enough')));
  await expect(reading.connector.list(source, null)).rejects.toThrow('enough');
});

describe('a site', () => {
  test('has its sitemaps named by robots.txt', async () => {
    server.routes = {
      '/robots.txt': `User-agent: *\nAllow: /\nSitemap: ${server.url('/1.xml')}\nSitemap: /2.xml`,
      '/1.xml': pagesOf(...urls('/a')),
      '/2.xml': pagesOf(...urls('/b')),
    };
    expect(await listed({}, '/')).toEqual(urls('/a', '/b'));
    delete server.routes['/1.xml'];
    expect(await listed({}, '/')).toEqual(urls('/b'));
  });

  test('has one at the usual place otherwise', async () => {
    server.routes['/sitemap.xml'] = pagesOf(...urls('/a'));
    expect(await listed({}, '')).toEqual(urls('/a'));
    delete server.routes['/sitemap.xml'];
    expect(await failureOf(listed({}, ''))).toMatchObject({ kind: 'NOT_FOUND' });
  });
});

describe('a page of a sitemap', () => {
  const item = (lastmod?: string) => ({
    id: server.url('/a'),
    version: lastmod === undefined ? null : { lastmod },
  });
  const fetchPage = (...args: [ReturnType<typeof item>, Record<string, string>?]) =>
    reading.fetch({ url: server.url('/sitemap.xml') }, args[0], args[1]);

  test('is not asked for while its date stays', async () => {
    server.routes['/a'] = { headers: { 'content-type': 'text/html', etag: '"1"' }, body: '<p>Hello' };
    const content = await fetchPage(item('2026-11-20'));
    expect(textOf(content)).toBe('<p>Hello');
    expect(content).toMatchObject({ version: { lastmod: '2026-11-20', etag: '"1"' } });
    const asked = server.paths.length;
    expect(await fetchPage(item('2026-11-20'), { lastmod: '2026-11-20', etag: '"1"' })).toBe('UNCHANGED');
    expect(server.paths).toHaveLength(asked);
    await fetchPage(item('2026-11-21'), { lastmod: '2026-11-20', etag: '"1"' });
    expect(server.requests.at(-1)?.headers['if-none-match']).toBe('"1"');
  });

  test('is asked for when the sitemap gives no date', async () => {
    server.routes['/a'] = { headers: { 'content-type': 'text/html', etag: '"1"' }, body: '<p>Hello' };
    expect(await fetchPage(item(), { etag: '"1"' })).toMatchObject({ version: { etag: '"1"' } });
    expect(await reading.fetch({ url: server.url('/') }, { id: server.url('/gone') })).toBe('GONE');
  });
});

test.each([
  ['At most 5,000 pages.', { maxPages: 5001 }],
  ['At most 3 indexes above each other.', { maxDepth: 4 }],
  ['A path begins with a slash.', { include: ['docs'] }],
  ['At most 50 paths.', { exclude: Array(51).fill('/a') }],
  ['A path has at most 500 characters.', { include: [`/${'a'.repeat(500)}`] }],
])('what is too much is told: %s', (message, part) => {
  const { error } = reading.connector.configuration.safeParse({ url: 'https://example.com/', ...part });
  expect(error?.issues.map((issue) => issue.message)).toEqual([message]);
});
