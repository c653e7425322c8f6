import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { feedConnector, type FeedConfiguration } from '../src/domains/content/connectors/feed-connector.ts';
import { readFeed } from '../src/domains/content/connectors/feed-entries.ts';
import { failureOf, Reading, textOf, WebServer } from './web-server.ts';

let server: WebServer;
let reading: Reading<FeedConfiguration>;
beforeEach(async () => {
  server = await new WebServer().start();
  reading = new Reading(feedConnector);
});
afterEach(async () => {
  server.stop();
  await reading.close();
});

const rss = (...items: readonly string[]) =>
  `<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>News</title>${items.join('')}</channel></rss>`;
const listed = async (configuration: object = {}) =>
  (await reading.list({ url: server.url('/feed'), ...configuration })).items;
const entriesOf = async (feed: string) => {
  server.routes['/feed'] = feed;
  return (await listed()).map((item) => ({
    id: item.id,
    title: item.title,
    uri: item.uri,
    mimeType: item.content?.mimeType,
    text: textOf(item.content),
  }));
};

describe('entries are read from', () => {
  test('RSS 2.0, the fullest text first', async () => {
    const feed = rss(
      '<item><guid isPermaLink="false">tag:1</guid><title>A &amp; B</title><link>https://example.com/1</link>',
      '<description>Short</description><content:encoded><![CDATA[<p>Long</p>]]></content:encoded></item>',
      '<item><guid>https://example.com/2</guid><description>&lt;p&gt;Two&lt;/p&gt;</description></item>',
      '<item><title>Three</title><link>/3</link></item>',
      '<item><title>Without a name</title></item>',
      '<item><guid>tag:1</guid><title>Again</title></item>',
    );
    const html = 'text/html';
    expect(await entriesOf(feed)).toEqual([
      { id: 'tag:1', title: 'A & B', uri: 'https://example.com/1', mimeType: html, text: '<p>Long</p>' },
      { id: 'https://example.com/2', title: null, uri: 'https://example.com/2', mimeType: html, text: '<p>Two</p>' },
      { id: server.url('/3'), title: 'Three', uri: server.url('/3'), mimeType: 'text/plain', text: 'Three' },
    ]);
  });

  test.each([
    ['RSS 0.90', 'xmlns="http://my.netscape.com/rdf/simple/0.9/"', ''],
    ['RSS 1.0', 'xmlns="http://purl.org/rss/1.0/"', ' rdf:about="https://example.com/1"'],
  ])('%s', async (_name, namespace, about) => {
    const feed = `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" ${namespace}><channel><title>News</title></channel>
      <item${about}><title>One</title><link>https://example.com/1</link></item></rdf:RDF>`;
    expect(await entriesOf(feed)).toMatchObject([
      { id: 'https://example.com/1', title: 'One', uri: 'https://example.com/1' },
    ]);
  });

  test('RSS 0.91', async () => {
    const feed =
      '<rss version="0.91"><channel><title>News</title><item><title>One</title><link>/1</link></item></channel></rss>';
    expect(await entriesOf(feed)).toMatchObject([{ id: server.url('/1'), title: 'One' }]);
  });

  test('Atom, whose texts say what they are', async () => {
    const entry = (id: number, rest: string) =>
      `<entry><id>urn:${id}</id><updated>2026-11-20T00:00:00Z</updated><link rel="self" href="/self"/><link href="/${id}"/>${rest}</entry>`;
    const feed = `<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:feed</id><title>News</title>
      ${entry(1, '<title type="html">A &amp;lt;b&amp;gt; &lt;i&gt;C&lt;/i&gt;</title><content type="html">&lt;p&gt;One</content>')}
      ${entry(2, '<title>Two &lt;3</title><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Two <b>b</b></p></div></content>')}
      ${entry(3, '<title>Three</title><content type="image/png">AAAA</content><summary>1 &lt; 2</summary>')}
    </feed>`;
    expect(await entriesOf(feed)).toEqual([
      { id: 'urn:1', title: 'A <b> C', uri: server.url('/1'), mimeType: 'text/html', text: '<p>One' },
      { id: 'urn:2', title: 'Two <3', uri: server.url('/2'), mimeType: 'text/html', text: '<p>Two <b>b</b></p>' },
      { id: 'urn:3', title: 'Three', uri: server.url('/3'), mimeType: 'text/plain', text: '1 < 2' },
    ]);
  });

  test('JSON Feed', async () => {
    const items = [
      { id: '1', url: 'https://example.com/1', title: 'One', content_html: '<p>One' },
      { id: 2, content_text: 'Two' },
    ];
    expect(
      await entriesOf(JSON.stringify({ version: 'https://jsonfeed.org/version/1.1', title: 'News', items })),
    ).toEqual([
      { id: '1', title: 'One', uri: 'https://example.com/1', mimeType: 'text/html', text: '<p>One' },
      { id: '2', title: null, uri: null, mimeType: 'text/plain', text: 'Two' },
    ]);
  });

  test('feeds in other charsets, by header or declaration', async () => {
    const [start, end] = [
      rss()
        .split('</channel>')[0]
        ?.replace(/^.*\?>/, ''),
      '</channel></rss>',
    ];
    const item = Buffer.from([0xef, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]);
    const body = Buffer.concat([
      Buffer.from(`${start}<item><guid>1</guid><title>`),
      item,
      Buffer.from(`</title></item>${end}`),
    ]);
    server.routes['/feed'] = { headers: { 'content-type': 'text/xml; charset=windows-1251' }, body };
    expect(await listed()).toMatchObject([{ title: 'привет' }]);
    const declared = Buffer.concat([Buffer.from('<?xml version="1.0" encoding="windows-1251"?>'), body]);
    server.routes['/feed'] = { headers: { 'content-type': 'text/xml' }, body: declared };
    expect(await listed()).toMatchObject([{ title: 'привет' }]);
  });
});

test('names that are too long stay apart', async () => {
  const [first, second] = [`${'a'.repeat(1000)}1`, `${'a'.repeat(1000)}2`];
  const feed = rss(
    `<item><guid>${first}</guid><title>1</title></item><item><guid>${second}</guid><title>2</title></item>`,
  );
  expect((await entriesOf(feed)).map(({ id }) => id)).toEqual(
    [first, second].map((id) => `sha256:${createHash('sha256').update(id).digest('hex')}`),
  );
});

test('an entry has another version when its text or title is another, and no other otherwise', async () => {
  const versionOf = async (title: string, text: string) => {
    server.routes['/feed'] = rss(
      `<item><guid>1</guid><title>${title}</title><description>${text}</description></item>`,
    );
    const [item] = await listed();
    expect(item?.content?.version).toEqual(item?.version);
    return item?.version;
  };
  const version = await versionOf('A', 'text');
  expect(await versionOf('A', 'text')).toEqual(version);
  expect(await versionOf('B', 'text')).not.toEqual(version);
  expect(await versionOf('A', 'other')).not.toEqual(version);
});

test('a single entry is found in the feed again', async () => {
  server.routes['/feed'] = rss('<item><guid>1</guid><description>One</description></item>');
  const feed = { url: server.url('/feed') };
  const [item] = await listed();
  expect(textOf(await reading.fetch(feed, { id: '1' }))).toBe('One');
  expect(await reading.fetch(feed, { id: '1' }, item?.version)).toBe('UNCHANGED');
  expect(await reading.fetch(feed, { id: '2' })).toBe('GONE');
});

test('a feed of many entries gives the first 1,000', async () => {
  const items = Array.from({ length: 1100 }, (_, index) => `<item><guid>${index}</guid><title>${index}</title></item>`);
  const entries = await entriesOf(rss(...items));
  expect([entries.length, entries[0]?.id, entries.at(-1)?.id]).toEqual([1000, '0', '999']);
});

describe('full texts', () => {
  const item = (rest = '') => `<item><guid>1</guid><title>One</title><link>${server.url('/1')}</link>${rest}</item>`;

  test('are those of the pages linked to', async () => {
    server.routes = {
      '/feed': rss(
        item('<pubDate>Mon, 06 Sep 2026 00:01:00 +0000</pubDate>'),
        '<item><guid>2</guid><title>Two</title></item>',
      ),
      '/1': { headers: { 'content-type': 'text/html', etag: '"1"' }, body: '<p>Whole' },
    };
    const [first, second] = await listed({ fullText: true });
    const version = { updated: 'Mon, 06 Sep 2026 00:01:00 +0000' };
    expect(first).toEqual({ id: '1', title: 'One', uri: server.url('/1'), version });
    // Where there is no link there is what the feed says.
    expect(textOf(second?.content)).toBe('Two');
    const configuration = { url: server.url('/feed'), fullText: true };
    const content = await reading.fetch(configuration, { id: '1', ...first });
    expect([textOf(content), content]).toMatchObject(['<p>Whole', { version: { ...version, etag: '"1"' } }]);
    expect(await reading.fetch(configuration, { id: '1', ...first }, version)).toBe('UNCHANGED');
  });

  test('are not read where robots.txt forbids it', async () => {
    server.routes = { '/robots.txt': 'User-agent: *\nDisallow: /', '/feed': rss(item()), '/1': '<p>Whole' };
    const [first] = await listed({ fullText: true });
    const reads = reading.fetch({ url: server.url('/feed'), fullText: true }, { id: '1', ...first });
    expect(await failureOf(reads)).toMatchObject({ kind: 'REFUSED' });
    expect(server.paths).not.toContain('/1');
  });
});

test.each([
  ['a web page', '<!doctype html><html><body>Hello</body></html>'],
  ['empty', ''],
  ['cut off', rss('<item><guid>1</guid>').slice(0, -30)],
  ['cut off between two entries', rss('<item><guid>1</guid></item>').slice(0, -16)],
  ['of great depth', `<rss version="2.0"><channel>${'<a>'.repeat(100_000)}`],
  ['other JSON', '{"items": []}'],
])('what is %s is no feed', async (_what, body) => {
  server.routes['/feed'] = body;
  expect(await failureOf(listed())).toMatchObject({ kind: 'INVALID' });
});

test('entities that a feed declares are not expanded', async () => {
  const entities = Array.from(
    { length: 12 },
    (_, index) => `<!ENTITY lol${index + 1} "${`&lol${index};`.repeat(10)}">`,
  );
  const bomb = `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY lol0 "lol">${entities.join('')}]>${rss(
    '<item><guid>1</guid><title>&lol12;</title><description>&lol12;</description></item>',
  ).replace(/^.*?\?>/, '')}`;
  const began = performance.now();
  const [entry] = await readFeed(bomb, 'here');
  expect(entry?.title).toBe('&lol12;');
  const file = bomb.replace('<!ENTITY lol0 "lol">', '<!ENTITY lol0 SYSTEM "file:///etc/passwd">');
  expect(JSON.stringify(await readFeed(file, 'here').catch(() => 'refused'))).not.toContain('root:');
  expect(performance.now() - began).toBeLessThan(5000);
});
